//! An evaluation of a part of an environment: which declarations are its own, and how much it may
//! take for those of others that it reads.
//!
//! What is not its own is evaluated as it is asked for, as everything is, and each part that asks
//! does it again. That is cheap where others are referred to, and not where long chains of values go
//! from part to part: such an environment is evaluated as a whole, and a part gives up as soon as it
//! takes more for others than for itself.

use super::{CellKey, Eval, InstId};
use crate::db::ItemId;

/// How many steps and things made a part may take for others, beside as many as it takes for itself.
const FOR_OTHERS: u64 = 10_000;

/// Of what an evaluation speaks that does not speak of a whole environment.
#[derive(Debug)]
pub struct Bounds<'db> {
    /// The items whose declarations it looks at.
    contents: &'db [ItemId],
    /// Does it look at what there is once in an environment: its inputs, its fields?
    pub once: bool,
    /// How many steps it took for others, and how much it made for them.
    steps: u64,
    made: u64,
    /// The steps and the things made when something of others was begun.
    since: Option<(u64, u64)>,
    /// Can it not be told from a part?
    given_up: bool,
}

impl<'db> Bounds<'db> {
    /// The declarations of these items.
    pub fn of(contents: &'db [ItemId]) -> Self {
        Self {
            contents,
            once: false,
            steps: 0,
            made: 0,
            since: None,
            given_up: false,
        }
    }

    /// What there is once in an environment.
    pub fn once() -> Self {
        Self {
            once: true,
            ..Self::of(&[])
        }
    }
}

impl<'db> Eval<'db> {
    /// An evaluation of a part.
    pub fn bounded(db: &'db dyn crate::db::Db, bounds: Bounds<'db>) -> Self {
        Self {
            bounds: Some(bounds),
            ..Self::new(db)
        }
    }

    /// Does it look at a part alone?
    pub(crate) fn is_part(&self) -> bool {
        self.bounds.is_some()
    }

    /// The items whose declarations it looks at.
    pub(super) fn contents(&self) -> &'db [ItemId] {
        match &self.bounds {
            Some(bounds) => bounds.contents,
            None => &crate::app::app(self.db).contents,
        }
    }

    /// Does it look at what there is once in an environment?
    pub(crate) fn looks_once(&self) -> bool {
        self.bounds.as_ref().is_none_or(|bounds| bounds.once)
    }

    /// Does it look at the declarations of this item?
    pub(super) fn looks_at(&self, item: ItemId) -> bool {
        let bounds = self.bounds.as_ref();
        bounds.is_none_or(|bounds| bounds.contents.contains(&item))
    }

    /// Gives up where only a part is looked at: what is asked can be told of the whole alone.
    /// `false` where it is the whole.
    pub(crate) fn give_up(&mut self) -> bool {
        let Some(bounds) = &mut self.bounds else {
            return false;
        };
        bounds.given_up = true;
        self.stopped = true;
        true
    }

    /// Has it given up?
    pub(super) fn has_given_up(&self) -> bool {
        self.bounds.as_ref().is_some_and(|bounds| bounds.given_up)
    }

    /// How many steps it took, and how much it made, for others and for itself.
    pub(super) fn taken(&self) -> (u64, u64) {
        (self.steps, self.made)
    }

    /// How much it made for itself.
    pub(super) fn made_own(&self) -> u64 {
        let others = self.bounds.as_ref().map_or(0, |bounds| bounds.made);
        self.made.saturating_sub(others)
    }

    /// Is a cell of a declaration that is not this part's own?
    pub(super) fn is_others(&self, key: &CellKey) -> bool {
        let Some(bounds) = &self.bounds else {
            return false;
        };
        if bounds.since.is_some() {
            return false;
        }
        match key {
            CellKey::Field(inst, _) | CellKey::KindLet(inst, _) | CellKey::Out(inst, _) => {
                !self.is_own(*inst)
            }
            CellKey::Let(_)
            | CellKey::AppInput(_)
            | CellKey::Default(..)
            | CellKey::Condition(..) => true,
        }
    }

    /// Is it a declaration that is looked at?
    pub(crate) fn is_own(&self, inst: InstId) -> bool {
        let world = self.world(inst.world);
        world
            .and_then(|w| w.instance(inst))
            .is_some_and(|instance| instance.own)
    }

    /// Begins something that is done for others; `false` where that is no matter.
    pub(super) fn lend(&mut self) -> bool {
        let now = (self.steps, self.made);
        let Some(bounds) = &mut self.bounds else {
            return false;
        };
        if bounds.since.is_some() || bounds.once {
            return false;
        }
        bounds.since = Some(now);
        let all = now.0 + now.1;
        let others = bounds.steps + bounds.made;
        let own = all.saturating_sub(others);
        self.most = all + (FOR_OTHERS + own).saturating_sub(others);
        true
    }

    /// It is done.
    pub(super) fn lent(&mut self) {
        let now = (self.steps, self.made);
        if let Some(bounds) = &mut self.bounds
            && let Some(since) = bounds.since.take()
        {
            bounds.steps += now.0.saturating_sub(since.0);
            bounds.made += now.1.saturating_sub(since.1);
            self.most = u64::MAX;
        }
    }
}
