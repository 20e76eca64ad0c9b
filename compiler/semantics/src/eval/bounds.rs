//! An evaluation of a part of an environment: which declarations are its own, and how much it may
//! take for those of others that it reads.
//!
//! What is not its own is evaluated as it is asked for, as everything is, and each part that asks
//! does it again. That is cheap where others are referred to, and not where long chains of values go
//! from part to part: such an environment is evaluated as a whole, and a part gives up as soon as it
//! takes much more for others than for itself.
//!
//! What the whole evaluation would take is no more than what all parts take for themselves, and what
//! they take for what is nobody's own: such a thing the whole does once, whoever asks for it.

use super::{CellKey, Eval, InstId, STEPS_FOR_A_THING};
use crate::app::part_of;
use crate::db::ItemId;

/// How many steps and things made a part may take for others, beside so many times what it takes for
/// itself. While it goes on it may take twice as much: what it reads first it may need all the more.
const FOR_OTHERS: u64 = 20_000;
const FOR_OTHERS_BESIDE: u64 = 2;

/// Whose is what a part does, where it is not its own?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    /// Another part's own: that part does it as well.
    Others,
    /// No part's own: all who ask do it, and nobody else.
    Nobodys,
}

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
    /// How much of that is nobody's own.
    nobodys: (u64, u64),
    /// How far its own steps were ahead of what the things that it had made until then allow.
    ahead: u64,
    /// The steps and the things made when something of others was begun, and whose it is.
    since: Option<(u64, u64, Whose)>,
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
            nobodys: (0, 0),
            ahead: 0,
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

    /// Has it given up, or taken too much for others in the end?
    pub(super) fn has_given_up(&self) -> bool {
        self.bounds.as_ref().is_some_and(|bounds| {
            let others = bounds.steps + bounds.made;
            let own = (self.steps + self.made).saturating_sub(others);
            bounds.given_up || others > FOR_OTHERS + FOR_OTHERS_BESIDE * own
        })
    }

    /// How much it made for itself and for nobody, and how far its steps were ahead of what that allows
    /// at most: those that it took for itself at any moment, and all that it took for nobody.
    pub(super) fn taken(&mut self) -> (u64, u64) {
        self.is_ahead();
        match &self.bounds {
            Some(bounds) => (
                self.made.saturating_sub(bounds.made) + bounds.nobodys.1,
                bounds.ahead + bounds.nobodys.0,
            ),
            None => (self.made, self.steps),
        }
    }

    /// Notes how far its own steps are ahead, before it makes something: what is made later pays for no
    /// step that was taken before.
    pub(super) fn is_ahead(&mut self) {
        if let Some(bounds) = &mut self.bounds
            && bounds.since.is_none()
        {
            let steps = self.steps.saturating_sub(bounds.steps);
            let made = self.made.saturating_sub(bounds.made);
            let ahead = steps.saturating_sub(made.saturating_mul(STEPS_FOR_A_THING));
            bounds.ahead = bounds.ahead.max(ahead);
        }
    }

    /// Whose a cell is; none where it is this part's own, or all is.
    pub(super) fn whose(&self, key: &CellKey) -> Option<Whose> {
        let bounds = self.bounds.as_ref()?;
        if bounds.since.is_some() || bounds.once {
            return None;
        }
        match key {
            CellKey::Field(inst, _) => (!self.is_own(*inst)).then_some(Whose::Others),
            // Only who asks for one evaluates it.
            CellKey::KindLet(inst, _) | CellKey::Out(inst, _) => {
                (!self.is_own(*inst)).then_some(Whose::Nobodys)
            }
            CellKey::AppInput(_) => Some(Whose::Others),
            CellKey::Let(item) => {
                let lets = &part_of(self.db, item.file(self.db)).lets;
                Some(match lets.contains(item) && self.is_main(*item) {
                    true => Whose::Others,
                    false => Whose::Nobodys,
                })
            }
            CellKey::Default(..) | CellKey::Condition(..) => Some(Whose::Nobodys),
        }
    }

    /// Does an item stand in the main package?
    fn is_main(&self, item: ItemId) -> bool {
        let main = crate::db::main_package(self.db);
        main.is_some_and(|main| *item.file(self.db).package(self.db) == main.name)
    }

    /// Is it a declaration that is looked at?
    pub(crate) fn is_own(&self, inst: InstId) -> bool {
        let world = self.world(inst.world);
        world
            .and_then(|w| w.instance(inst))
            .is_some_and(|instance| instance.own)
    }

    /// Begins something that is done for others; `false` where that is no matter.
    pub(super) fn lend(&mut self, whose: Whose) -> bool {
        let now = (self.steps, self.made);
        let Some(bounds) = &mut self.bounds else {
            return false;
        };
        if bounds.since.is_some() || bounds.once {
            return false;
        }
        bounds.since = Some((now.0, now.1, whose));
        let all = now.0 + now.1;
        let others = bounds.steps + bounds.made;
        let own = all.saturating_sub(others);
        let most = 2 * (FOR_OTHERS + FOR_OTHERS_BESIDE * own);
        self.most = all + most.saturating_sub(others);
        true
    }

    /// It is done.
    pub(super) fn lent(&mut self) {
        let now = (self.steps, self.made);
        if let Some(bounds) = &mut self.bounds
            && let Some(since) = bounds.since.take()
        {
            let (steps, made) = (now.0.saturating_sub(since.0), now.1.saturating_sub(since.1));
            bounds.steps += steps;
            bounds.made += made;
            if since.2 == Whose::Nobodys {
                bounds.nobodys.0 += steps;
                bounds.nobodys.1 += made;
            }
            self.most = u64::MAX;
        }
    }
}
