//! This machine as a target of plat: the agent, its proxy and its data services.
