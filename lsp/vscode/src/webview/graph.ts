// The graph view: boxes that are buttons, with the lines between them behind.
//
// Boxes are real buttons in the order of the list, so that a keyboard and a screen reader find in them what
// a mouse does: what a box reads, and who reads it, is its description. The lines are decoration.

import type { ToGraph } from '../messages';
import { sentence, type Box, type Drawing } from '../model/graph';
import { environments, h, listen, root, say } from './dom';
import { layout, next, type Layout, type Line } from './layout';

const SVG = 'http://www.w3.org/2000/svg';
const ZOOMS = { least: 0.3, most: 2, step: 1.2 } as const;

let zoom = 1;
let focused: string | undefined;

function svg(tag: string, attributes: Readonly<Record<string, string>>): SVGElement {
    const element = document.createElementNS(SVG, tag);
    for (const [name, value] of Object.entries(attributes)) {
        element.setAttribute(name, value);
    }
    return element;
}

/** A smooth line through points. */
function curve(points: Line['points']): string {
    const [first, ...rest] = points;
    if (first === undefined) {
        return '';
    }
    let path = `M ${String(first.x)} ${String(first.y)}`;
    let last = first;
    for (const point of rest) {
        const middle = (last.x + point.x) / 2;
        path += ` C ${String(middle)} ${String(last.y)}, ${String(middle)} ${String(point.y)}, ${String(point.x)} ${String(point.y)}`;
        last = point;
    }
    return path;
}

function lines(drawing: Drawing, laid: Layout): SVGElement {
    const drawn = svg('svg', {
        class: 'lines',
        width: String(laid.width),
        height: String(laid.height),
        'aria-hidden': 'true',
    });
    const marker = svg('marker', {
        id: 'arrow',
        viewBox: '0 0 8 8',
        refX: '7',
        refY: '4',
        markerWidth: '7',
        markerHeight: '7',
        orient: 'auto-start-reverse',
    });
    marker.append(svg('path', { d: 'M 0 0 L 8 4 L 0 8 z' }));
    const definitions = svg('defs', {});
    definitions.append(marker);
    drawn.append(definitions);
    for (const line of laid.lines) {
        const edge = drawing.boxes.find((box) => box.path === line.from)?.reaches.find((one) => one.to === line.to);
        const waits = edge?.outs.length === 0;
        const group = svg('g', { class: waits ? 'line waits' : 'line' });
        group.dataset.from = line.from;
        group.dataset.to = line.to;
        group.append(svg('path', { d: curve(line.points), 'marker-end': 'url(#arrow)' }));
        const middle = line.points[Math.floor(line.points.length / 2)];
        if (middle !== undefined && edge !== undefined) {
            const label = svg('text', { x: String(middle.x), y: String(middle.y - 5), 'text-anchor': 'middle' });
            label.textContent = waits ? 'waits for' : edge.outs.join(', ');
            group.append(label);
        }
        drawn.append(group);
    }
    return drawn;
}

/** Brings out a box, what it reads and who reads it. */
function bringOut(path: string | undefined, drawing: Drawing, canvas: HTMLElement): void {
    const box = drawing.boxes.find((one) => one.path === path);
    const near = new Set([path, ...(box?.reaches ?? []).map((edge) => edge.to), ...(box?.reachedBy ?? [])]);
    canvas.classList.toggle('one', box !== undefined);
    for (const button of canvas.querySelectorAll<HTMLElement>('.box')) {
        button.classList.toggle('near', near.has(button.dataset.path));
    }
    for (const line of canvas.querySelectorAll<SVGElement>('.line')) {
        line.classList.toggle('near', line.dataset.from === path || line.dataset.to === path);
    }
}

function button(box: Box, laid: Layout): HTMLElement {
    const at = laid.boxes.find((one) => one.path === box.path);
    const described = `about-${box.path}`;
    const made = h(
        'button',
        {
            class: `box ${box.group}`,
            title: box.doc === '' ? sentence(box) : `${box.doc}\n\n${sentence(box)}`,
            attributes: { type: 'button', 'aria-describedby': described },
            onclick: () => {
                if (box.place !== null) {
                    say({ type: 'open', place: box.place });
                }
            },
        },
        h('span', { class: 'kind' }, box.kind),
        h('span', { class: 'path' }, box.path),
        h('span', { class: 'hidden', attributes: { id: described } }, sentence(box)),
    );
    made.dataset.path = box.path;
    if (at !== undefined) {
        made.style.left = `${String(at.x)}px`;
        made.style.top = `${String(at.y)}px`;
        made.style.width = `${String(at.width)}px`;
        made.style.height = `${String(at.height)}px`;
    }
    return made;
}

function tool(label: string, text: string, run: () => void): HTMLElement {
    return h('button', { class: 'tool', title: label, attributes: { type: 'button', 'aria-label': label }, onclick: run }, text);
}

function draw(message: Extract<ToGraph, { type: 'graph' }>): void {
    const { drawing, head } = message;
    const laid = layout(drawing);
    const sheet = h('div', { class: 'sheet' });
    sheet.style.width = `${String(laid.width)}px`;
    sheet.style.height = `${String(laid.height)}px`;
    const boxes = drawing.boxes.map((box) => button(box, laid));
    sheet.append(lines(drawing, laid), ...boxes);
    const name = `Graph of ${drawing.app} in ${drawing.environment}`;
    const canvas = h('div', { class: 'canvas', attributes: { role: 'group', 'aria-label': name } }, sheet);
    const scale = (to: number): void => {
        zoom = Math.min(ZOOMS.most, Math.max(ZOOMS.least, to));
        sheet.style.setProperty('zoom', String(zoom));
    };
    const fit = (): void => {
        scale(Math.min(1, canvas.clientWidth / laid.width, canvas.clientHeight / laid.height));
    };
    const focus = (path: string | undefined): void => {
        sheet.querySelector<HTMLElement>(`.box[data-path="${CSS.escape(path ?? '')}"]`)?.focus();
    };
    sheet.addEventListener('focusin', (event) => {
        focused = (event.target as HTMLElement).dataset.path;
        bringOut(focused, drawing, canvas);
    });
    sheet.addEventListener('focusout', () => {
        bringOut(undefined, drawing, canvas);
    });
    sheet.addEventListener('pointerover', (event) => {
        const over = (event.target as HTMLElement).closest<HTMLElement>('.box');
        bringOut(over?.dataset.path ?? undefined, drawing, canvas);
    });
    sheet.addEventListener('keydown', (event) => {
        const to = focused === undefined ? undefined : next(event.key, focused, drawing, laid);
        if (to !== undefined) {
            event.preventDefault();
            focus(to);
        }
    });
    const filter = h('input', {
        attributes: { type: 'search', placeholder: 'Find a declaration', 'aria-label': 'Find a declaration' },
    });
    filter.addEventListener('input', () => {
        const text = filter.value.trim().toLowerCase();
        for (const box of boxes) {
            const path = (box.dataset.path ?? '').toLowerCase();
            box.classList.toggle('out', text !== '' && !path.includes(text) && !box.className.includes(text));
        }
    });
    filter.addEventListener('keydown', (event) => {
        if (event.key === 'Enter') {
            focus(boxes.find((box) => !box.classList.contains('out'))?.dataset.path);
        }
    });
    const count = (many: number, one: string): string => `${String(many)} ${many === 1 ? one : `${one}s`}`;
    const told = `${drawing.app} → ${drawing.environment}, on ${drawing.target}: ${count(drawing.boxes.length, 'declaration')}, ${count(laid.lines.length, 'link')}`;
    const had = document.activeElement?.classList.contains('box') === true;
    root().replaceChildren(
        h(
            'header',
            {},
            environments(head),
            filter,
            tool('Smaller', '−', () => {
                scale(zoom / ZOOMS.step);
            }),
            tool('Fit', '⤢', fit),
            tool('Larger', '+', () => {
                scale(zoom * ZOOMS.step);
            }),
            h('p', { attributes: { role: 'status' } }, told),
        ),
        canvas,
        legend(drawing),
    );
    fit();
    if (had) {
        focus(focused);
    }
}

function legend(drawing: Drawing): HTMLElement {
    const texts = { edge: 'comes in and goes out', workload: 'runs', resource: 'keeps', other: 'else' } as const;
    const has = (group: keyof typeof texts): boolean => drawing.boxes.some((box) => box.group === group);
    const groups = (Object.keys(texts) as (keyof typeof texts)[]).filter(has);
    return h(
        'footer',
        {},
        ...groups.map((group) => h('span', {}, h('span', { class: `mark ${group}` }), texts[group])),
        h('span', { class: 'keys' }, 'Arrow keys follow the links, Enter opens the source'),
    );
}

listen((message: ToGraph) => {
    if (message.type === 'graph') {
        draw(message);
        return;
    }
    root().replaceChildren(
        h('header', {}, environments(message.head)),
        h('pre', { class: 'trouble', attributes: { role: 'alert' } }, message.text),
    );
});
