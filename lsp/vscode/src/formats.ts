// What `platc` prints as JSON, as far as the extension reads it. `spec/graph.schema.json` and
// `docs/plan.schema.json` say all of it.

/** The version of these formats that is understood. */
export const FORMAT = 1;

/** A place in the source. `file` is relative to the package; other packages' begin with `NAME:`. */
export interface Place {
    /** Its whole address, where the server has told it; `file` is then for people. */
    readonly uri?: string;
    readonly file: string;
    /** From 1. */
    readonly line: number;
    /** In characters, from 1. */
    readonly column?: number;
}

/** One end of what a diagnostic marks. */
export interface Position {
    /** From 1. */
    readonly line: number;
    /** In characters, from 1. */
    readonly column: number;
}

/** What a diagnostic marks. */
export interface Label {
    readonly file: string;
    readonly start: Position;
    readonly end: Position;
    readonly text?: string | null;
}

/** An error or a warning. */
export interface Diagnostic {
    readonly code: string;
    readonly severity: 'error' | 'warning';
    readonly message: string;
    readonly primary: Label;
    readonly related?: readonly Label[];
    readonly notes?: readonly string[];
    readonly help?: string | null;
}

/** An environment of the app. */
export interface Environment {
    readonly name: string;
    /** The names of its keys, if it is a family. */
    readonly keys: readonly string[];
    readonly target: string | null;
    readonly doc: string | null;
    readonly place: Place;
}

/** `platc check --json`. */
export interface CheckReport {
    readonly format: number;
    readonly errors: number;
    readonly warnings: number;
    readonly diagnostics: readonly Diagnostic[];
    readonly environments?: readonly Environment[];
}

/** A `test` block and what came of it. */
export interface TestResult {
    readonly name: string;
    readonly doc: string | null;
    readonly place: Place;
    readonly asserts: number;
    readonly passed: boolean;
    readonly failures: readonly Diagnostic[];
}

/** A policy, asked in one environment. */
export interface PolicyResult {
    readonly name: string;
    readonly environment: string;
    readonly place: Place;
    readonly asked: number;
    readonly broken: number;
    readonly passed: boolean;
    readonly failures: readonly Diagnostic[];
}

/** `platc test --json`. */
export interface TestReport {
    readonly format: number;
    readonly passed: boolean;
    readonly tests: readonly TestResult[];
    readonly policies: readonly PolicyResult[];
}

/** Who set a value: the first entry won. */
export interface Origin {
    readonly kind: string;
    readonly path: string;
    readonly place: Place | null;
}

/** A declaration in the graph. */
export interface GraphNode {
    readonly kind: { readonly package: string; readonly name: string; readonly is: readonly string[] };
    readonly name: string;
    readonly target: string;
    readonly doc?: string | null;
    readonly within?: readonly string[];
    readonly origin: number;
}

/** A reference from one declaration to another. */
export interface GraphLink {
    readonly from: string;
    readonly field: string;
    readonly to: string;
    readonly out: string;
    readonly grant: string | null;
    readonly origin: number;
}

/** `platc graph ENV --json`. */
export interface Graph {
    readonly format: number;
    readonly app: string;
    readonly environment: { readonly name: string };
    readonly targets: Readonly<Record<string, { readonly kind: string }>>;
    readonly nodes: Readonly<Record<string, GraphNode>>;
    readonly links: readonly GraphLink[];
    readonly origins: readonly (readonly Origin[])[];
}

/** A field that a plan changes. */
export interface FieldChange {
    readonly field: string;
    readonly old: string | null;
    readonly new: string | null;
    readonly place: Place | null;
    readonly set_by: string | null;
    readonly replaces: boolean;
}

/** A step of a plan on a target. */
export interface Operation {
    readonly action: string;
    readonly label: string;
    readonly how: string | null;
    readonly data: 'untouched' | 'kept' | 'destroyed';
    readonly holds: string | null;
}

/** What changes about one declaration. */
export interface Change {
    readonly node: string | null;
    readonly kind: string;
    readonly what: 'destroy' | 'replace' | 'create' | 'change' | 'heal' | 'move';
    readonly moved_from: string | null;
    readonly place: Place | null;
    readonly fields: readonly FieldChange[];
    readonly operations: readonly Operation[];
}

/** What people should know of a plan. */
export interface Note {
    readonly message: string;
    readonly place: Place | null;
    /** What to do about it. */
    readonly next?: string | null;
    /** Whether the plan can't be applied because of it. */
    readonly stops?: boolean;
}

/** `platc plan ENV --json`, and `platc diff … --json`. */
export interface Plan {
    readonly format: number;
    readonly app: string;
    readonly environment: string;
    readonly compares: { readonly from: string; readonly to: string } | null;
    readonly targets: readonly string[];
    readonly nothing_to_do: boolean;
    readonly counts: {
        readonly create: number;
        readonly change: number;
        readonly replace: number;
        readonly destroy: number;
        readonly heal: number;
        readonly rename: number;
        readonly unchanged: number;
    };
    readonly changes: readonly Change[];
    readonly notes: readonly Note[];
    readonly problems: readonly Note[];
    readonly id: string;
}
