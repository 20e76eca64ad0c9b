// What the plan view and the side view say of a plan. Pure: no editor, no browser.

import type { Change, Plan } from '../formats';

/** The sign of a change, as on the terminal. */
export const SIGNS: Readonly<Record<Change['what'], string>> = {
    create: '+',
    change: '~',
    replace: '±',
    destroy: '-',
    heal: '↻',
    move: '→',
};

/** What a change does, for people. */
export const WORDS: Readonly<Record<Change['what'], string>> = {
    create: 'is new',
    change: 'changes',
    replace: 'is made anew',
    destroy: 'goes',
    heal: 'is put back as it was',
    move: 'takes its new name',
};

/** `2 to create, 1 to change` */
export function summary(plan: Plan): string {
    if (plan.nothing_to_do) {
        return 'nothing to do';
    }
    const { counts } = plan;
    const parts: (readonly [number, string])[] = [
        [counts.create, 'to create'],
        [counts.change, 'to change'],
        [counts.replace, 'to replace'],
        [counts.destroy, 'to destroy'],
        [counts.heal, 'to put back'],
        [counts.rename, 'to rename'],
    ];
    const told = parts.filter(([count]) => count > 0).map(([count, what]) => `${String(count)} ${what}`);
    return told.length === 0 ? 'nothing to do' : told.join(', ');
}

/** `service api` */
export function title(change: Change): string {
    return change.node === null ? change.kind : `${change.kind} ${change.node}`;
}
