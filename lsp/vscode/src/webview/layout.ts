// Where the boxes and the edges of a graph are drawn. Pure.

import { Graph, layout as dagre } from '@dagrejs/dagre';

import type { Drawing } from '../model/graph';

/** A box, from its upper left corner. */
export interface Placed {
    readonly path: string;
    readonly x: number;
    readonly y: number;
    readonly width: number;
    readonly height: number;
}

/** A line from box to box, through these points. */
export interface Line {
    readonly from: string;
    readonly to: string;
    readonly points: readonly { readonly x: number; readonly y: number }[];
}

/** A whole drawing, with its size. */
export interface Layout {
    readonly boxes: readonly Placed[];
    readonly lines: readonly Line[];
    readonly width: number;
    readonly height: number;
}

const HEIGHT = 46;
const MARGIN = 24;

/** Lays the graph out from left to right: who refers stands left of what it refers to. */
export function layout(drawing: Drawing): Layout {
    const graph = new Graph();
    graph.setGraph({ rankdir: 'LR', nodesep: 18, ranksep: 70, marginx: MARGIN, marginy: MARGIN });
    graph.setDefaultEdgeLabel(() => ({}));
    for (const box of drawing.boxes) {
        const letters = Math.max(box.path.length, box.kind.length + 2);
        graph.setNode(box.path, { width: Math.max(110, letters * 8 + 28), height: HEIGHT });
    }
    for (const edge of drawing.boxes.flatMap((box) => box.reaches)) {
        graph.setEdge(edge.from, edge.to);
    }
    dagre(graph);
    const { width = 0, height = 0 } = graph.graph() as { width?: number; height?: number };
    return {
        boxes: drawing.boxes.map(({ path }) => {
            const node = graph.node(path) as { x: number; y: number; width: number; height: number };
            return {
                path,
                x: node.x - node.width / 2,
                y: node.y - node.height / 2,
                width: node.width,
                height: node.height,
            };
        }),
        lines: graph.edges().map(({ v, w }) => {
            const edge = graph.edge(v, w) as { points: { x: number; y: number }[] };
            return { from: v, to: w, points: edge.points };
        }),
        width,
        height,
    };
}

/** The box that is reached from another by an arrow key: along an edge, or above and below. */
export function next(key: string, from: string, drawing: Drawing, laid: Layout): string | undefined {
    const box = drawing.boxes.find((one) => one.path === from);
    const at = laid.boxes.find((one) => one.path === from);
    if (box === undefined || at === undefined) {
        return undefined;
    }
    const place = (path: string): Placed | undefined => laid.boxes.find((one) => one.path === path);
    const nearest = (paths: readonly string[]): string | undefined => {
        const near = (path: string): number => Math.abs((place(path)?.y ?? 0) - at.y);
        return [...paths].sort((a, b) => near(a) - near(b))[0];
    };
    // Above and below: what is near, and rather in the same column than in the same row.
    const beside = (sign: 1 | -1): string | undefined => {
        const far = (one: Placed): number =>
            2 * Math.abs(one.x + one.width / 2 - at.x - at.width / 2) + Math.abs(one.y - at.y);
        const candidates = laid.boxes.filter((one) => (one.y - at.y) * sign > 0);
        return candidates.sort((a, b) => far(a) - far(b))[0]?.path;
    };
    switch (key) {
        case 'ArrowRight':
            return nearest(box.reaches.map((edge) => edge.to));
        case 'ArrowLeft':
            return nearest(box.reachedBy);
        case 'ArrowUp':
            return beside(-1);
        case 'ArrowDown':
            return beside(1);
        case 'Home':
            return drawing.boxes[0]?.path;
        case 'End':
            return drawing.boxes.at(-1)?.path;
        default:
            return undefined;
    }
}
