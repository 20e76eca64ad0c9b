// What the graph view draws, made of `platc graph --json`. Pure: no editor, no browser.

import type { Graph, GraphLink, Place } from '../formats';

/** What a declaration is, in the order that people look for it. */
export type Group = 'edge' | 'workload' | 'resource' | 'other';

/** All that one declaration refers to in another. */
export interface Edge {
    readonly from: string;
    readonly to: string;
    /** The outs that are read: `url`. Empty where it only waits. */
    readonly outs: readonly string[];
    /** The fields that read them: `env.DATABASE_URL`. */
    readonly fields: readonly string[];
    /** What that allows: `read_write`. */
    readonly grants: readonly string[];
}

/** A declaration. */
export interface Box {
    readonly path: string;
    readonly kind: string;
    readonly group: Group;
    readonly doc: string;
    readonly place: Place | null;
    /** What it refers to, and how. */
    readonly reaches: readonly Edge[];
    /** Who refers to it. */
    readonly reachedBy: readonly string[];
}

/** A declaration as it is told of: by `platc graph --json`, or by the server. */
export interface Told {
    readonly path: string;
    readonly kind: string;
    readonly is: readonly string[];
    readonly doc: string | null;
    readonly place: Place | null;
}

/** The graph of an app in an environment. */
export interface Drawing {
    readonly app: string;
    readonly environment: string;
    readonly target: string;
    readonly boxes: readonly Box[];
}

const GROUPS: readonly Group[] = ['edge', 'workload', 'resource'];

/** The drawing of what `platc graph --json` prints. */
export function drawing(graph: Graph): Drawing {
    const told = Object.entries(graph.nodes).map(([path, node]) => ({
        path,
        kind: node.kind.name,
        is: node.kind.is,
        doc: node.doc ?? null,
        place: graph.origins[node.origin]?.[0]?.place ?? null,
    }));
    return draw(graph.app, graph.environment.name, graph.targets.main?.kind ?? '', told, graph.links);
}

/** The drawing of a graph: boxes by group and path, the links between two boxes as one edge. */
export function draw(
    app: string,
    environment: string,
    target: string,
    told: readonly Told[],
    links: readonly Omit<GraphLink, 'origin'>[],
): Drawing {
    const edges = new Map<string, Edge>();
    for (const link of links) {
        const key = `${link.from}\n${link.to}`;
        const known = edges.get(key);
        edges.set(key, {
            from: link.from,
            to: link.to,
            outs: sorted([...(known?.outs ?? []), link.out]),
            fields: sorted([...(known?.fields ?? []), link.field]),
            grants: sorted([...(known?.grants ?? []), link.grant ?? '']),
        });
    }
    const all = [...edges.values()];
    const boxes = told.map(
        ({ path, kind, is, doc, place }): Box => ({
            path,
            kind,
            group: GROUPS.find((group) => is.includes(group)) ?? 'other',
            doc: doc ?? '',
            place,
            reaches: all.filter((edge) => edge.from === path),
            reachedBy: all.filter((edge) => edge.to === path).map((edge) => edge.from),
        }),
    );
    const order = (box: Box): number => (box.group === 'other' ? GROUPS.length : GROUPS.indexOf(box.group));
    boxes.sort((a, b) => order(a) - order(b) || (a.path < b.path ? -1 : 1));
    return { app, environment, target, boxes };
}

/** A sentence for those who don't see the drawing. */
export function sentence(box: Box): string {
    const parts = [`${box.kind} ${box.path}`];
    for (const edge of box.reaches) {
        const outs = edge.outs.length === 0 ? 'waits for' : `reads ${edge.outs.join(' and ')} of`;
        const grants = edge.grants.length === 0 ? '' : `, and may ${edge.grants.join(' and ')}`;
        parts.push(`${outs} ${edge.to}${grants}`);
    }
    if (box.reachedBy.length > 0) {
        parts.push(`used by ${box.reachedBy.join(', ')}`);
    }
    return `${parts.join('; ')}.`;
}

function sorted(texts: readonly string[]): string[] {
    return [...new Set(texts.filter((text) => text !== ''))].sort();
}
