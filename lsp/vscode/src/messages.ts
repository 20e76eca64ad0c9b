// What the extension and its webviews say to each other.

import type { Place, Plan } from './formats';
import type { Drawing } from './model/graph';

/** What a plan compares with: the last commit, the last apply as it is on record, what runs. */
export type Against = 'commit' | 'record' | 'target';

/** What every view shows above its content. */
export interface Head {
    readonly package: string;
    /** The environments that can be chosen. */
    readonly environments: readonly string[];
    readonly environment: string;
}

/** From the extension to the graph view. */
export type ToGraph =
    | { readonly type: 'graph'; readonly head: Head; readonly drawing: Drawing }
    | { readonly type: 'trouble'; readonly head: Head; readonly text: string };

/** From the extension to the plan view. */
export type ToPlan =
    | { readonly type: 'plan'; readonly head: Head; readonly against: Against; readonly plan: Plan; readonly remark: string }
    | { readonly type: 'busy'; readonly head: Head; readonly against: Against }
    | { readonly type: 'trouble'; readonly head: Head; readonly against: Against; readonly text: string };

/** From a view to the extension. */
export type FromView =
    | { readonly type: 'ready' }
    | { readonly type: 'open'; readonly place: Place }
    | { readonly type: 'environment'; readonly name: string }
    | { readonly type: 'against'; readonly against: Against }
    | { readonly type: 'refresh' };
