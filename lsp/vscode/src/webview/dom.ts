// What both views are made of. Text always goes in as text, never as HTML.

import type { FromView, Head } from '../messages';

interface Host {
    postMessage(message: FromView): void;
    setState(state: unknown): void;
}

declare function acquireVsCodeApi(): Host;

const host = acquireVsCodeApi();

/** Says something to the extension. */
export function say(message: FromView): void {
    host.postMessage(message);
}

/** What may be said of an element. */
export interface Said {
    readonly class?: string;
    readonly title?: string;
    readonly onclick?: (event: MouseEvent) => void;
    /** Attributes as they are written: `aria-label`. */
    readonly attributes?: Readonly<Record<string, string>>;
}

/** Makes an element. */
export function h<K extends keyof HTMLElementTagNameMap>(
    tag: K,
    said: Said = {},
    ...children: readonly (Node | string)[]
): HTMLElementTagNameMap[K] {
    const element = document.createElement(tag);
    if (said.class !== undefined) {
        element.className = said.class;
    }
    if (said.title !== undefined) {
        element.title = said.title;
    }
    if (said.onclick !== undefined) {
        element.addEventListener('click', said.onclick as EventListener);
    }
    for (const [name, value] of Object.entries(said.attributes ?? {})) {
        element.setAttribute(name, value);
    }
    element.append(...children);
    return element;
}

/** The element in which everything is shown. */
export function root(): HTMLElement {
    const main = document.getElementById('view');
    if (main === null) {
        throw new Error('the page has no place for the view');
    }
    return main;
}

/** A choice of one of several. */
export function choice(
    label: string,
    options: readonly { readonly value: string; readonly text: string }[],
    chosen: string,
    choose: (value: string) => void,
): HTMLElement {
    const select = h('select', { attributes: { 'aria-label': label } });
    for (const { value, text } of options) {
        const option = h('option', {}, text);
        option.value = value;
        option.selected = value === chosen;
        select.append(option);
    }
    select.addEventListener('change', () => {
        choose(select.value);
    });
    return select;
}

/** The choice of the environment. */
export function environments(head: Head): HTMLElement {
    const names = head.environments.includes(head.environment)
        ? head.environments
        : [head.environment, ...head.environments];
    const options = names.map((name) => ({ value: name, text: name }));
    return choice('Environment', options, head.environment, (name) => {
        const shown = JSON.parse(document.body.dataset.shown ?? '{}') as Record<string, unknown>;
        host.setState({ ...shown, environment: name });
        say({ type: 'environment', name });
    });
}

/** Listens to the extension, and tells it so. */
export function listen(hear: (message: never) => void): void {
    window.addEventListener('message', (event: MessageEvent) => {
        hear(event.data as never);
    });
    host.setState(JSON.parse(document.body.dataset.shown ?? '{}'));
    say({ type: 'ready' });
}
