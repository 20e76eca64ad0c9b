// The plan view: what would change, declaration by declaration.

import type { Change, FieldChange, Note, Place } from '../formats';
import type { Against, ToPlan } from '../messages';
import { SIGNS, WORDS, summary, title } from '../model/plan';
import { choice, environments, h, listen, root, say } from './dom';

function place(at: Place | null): HTMLElement | string {
    if (at === null) {
        return '';
    }
    const text = `${at.file}:${String(at.line)}`;
    return h(
        'button',
        {
            class: 'place',
            title: `Open ${text}`,
            attributes: { type: 'button' },
            onclick: (event) => {
                event.preventDefault();
                say({ type: 'open', place: at });
            },
        },
        text,
    );
}

function value(text: string | null, word: 'old' | 'new'): HTMLElement {
    const hidden = h('span', { class: 'hidden' }, word === 'old' ? 'was ' : 'becomes ');
    return h('td', { class: word }, hidden, text ?? 'none');
}

function field(change: FieldChange, isNew: boolean): HTMLElement {
    const by = change.set_by === null ? '' : `set by ${change.set_by}`;
    const replaces = change.replaces ? h('strong', {}, 'makes it anew') : '';
    return h(
        'tr',
        {},
        h('th', { attributes: { scope: 'row' } }, change.field),
        ...(isNew ? [] : [value(change.old, 'old'), h('td', { attributes: { 'aria-hidden': 'true' } }, '→')]),
        value(change.new, 'new'),
        h('td', { class: 'by' }, by, replaces),
        h('td', {}, place(change.place)),
    );
}

function operations(change: Change): readonly HTMLElement[] {
    if (change.operations.length === 0) {
        return [];
    }
    const lines = change.operations.map((operation) => {
        const data =
            operation.data === 'destroyed'
                ? h('strong', { class: 'lost' }, ` its data goes for good${operation.holds === null ? '' : `: ${operation.holds}`}`)
                : '';
        const how = operation.how === null ? '' : `: ${operation.how}`;
        return h('li', {}, `${operation.action} ${operation.label}${how}`, data);
    });
    return [h('ul', { class: 'operations' }, ...lines)];
}

function shown(change: Change): HTMLElement {
    const moved = change.moved_from === null ? '' : ` (was ${change.moved_from})`;
    const isNew = change.what === 'create';
    const rows = change.fields.map((one) => field(one, isNew));
    const table = rows.length === 0 ? [] : [h('table', {}, h('tbody', {}, ...rows))];
    return h(
        'details',
        { class: `change ${change.what}`, attributes: isNew ? {} : { open: '' } },
        h(
            'summary',
            {},
            h('span', { class: 'sign', attributes: { 'aria-hidden': 'true' } }, SIGNS[change.what]),
            h('span', { class: 'title' }, title(change)),
            h('span', { class: 'what' }, ` ${WORDS[change.what]}${moved}`),
            place(change.place),
        ),
        ...table,
        ...operations(change),
    );
}

function notes(name: string, list: readonly Note[]): readonly HTMLElement[] {
    if (list.length === 0) {
        return [];
    }
    const lines = list.map((note) => {
        const next = note.next == null ? '' : ` ${note.next}`;
        return h('li', { class: note.stops === true ? 'stops' : '' }, `${note.message}${next} `, place(note.place));
    });
    return [h('section', {}, h('h2', {}, name), h('ul', {}, ...lines))];
}

function header(message: ToPlan): HTMLElement {
    const options = [
        { value: 'record', text: 'since the last apply' },
        { value: 'commit', text: 'since the last commit' },
        { value: 'target', text: 'against what runs (asks the target)' },
    ];
    return h(
        'header',
        {},
        environments(message.head),
        choice('Compared with', options, message.against, (against) => {
            say({ type: 'against', against: against as Against });
        }),
        h(
            'button',
            {
                class: 'tool',
                title: 'Plan again',
                attributes: { type: 'button', 'aria-label': 'Plan again' },
                onclick: () => {
                    say({ type: 'refresh' });
                },
            },
            '↻',
        ),
    );
}

function body(message: ToPlan): readonly HTMLElement[] {
    switch (message.type) {
        case 'busy':
            return [h('p', { class: 'busy', attributes: { role: 'status' } }, 'Asking the target…')];
        case 'trouble':
            return [h('pre', { class: 'trouble', attributes: { role: 'alert' } }, message.text)];
        case 'plan': {
            const { plan } = message;
            const { compares } = plan;
            const said = compares === null ? message.remark : `${compares.from} → ${compares.to}`;
            const compared = said === '' ? '' : ` · ${said}`;
            return [
                h('h1', {}, `${plan.app} → ${plan.environment}`),
                h('p', { attributes: { role: 'status' } }, `${summary(plan)}${compared}`),
                ...notes('Known before anything is changed', plan.problems),
                ...plan.changes.map(shown),
                ...notes('Good to know', plan.notes),
            ];
        }
    }
}

listen((message: ToPlan) => {
    root().replaceChildren(header(message), ...body(message));
});
