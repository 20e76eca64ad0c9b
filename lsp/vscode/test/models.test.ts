// What the views show of graphs and plans, from what platc prints of the example.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import path from 'node:path';
import { test } from 'node:test';

import type { Graph, Plan } from '../src/formats';
import { drawing, sentence, type Box } from '../src/model/graph';
import { summary, title } from '../src/model/plan';
import { layout, next } from '../src/webview/layout';
import { platc, repository } from './plat';

function shop(...args: string[]): unknown {
    const cwd = path.join(repository, 'examples/shop');
    return JSON.parse(execFileSync(platc(), args, { cwd, encoding: 'utf8', maxBuffer: 1 << 28 }));
}

const drawn = drawing(shop('graph', 'dev', '--json') as Graph);
const box = (name: string): Box => {
    const found = drawn.boxes.find((one) => one.path === name);
    assert.ok(found, name);
    return found;
};

test('the drawing has what comes in first, then what runs, then what keeps', () => {
    assert.deepEqual([drawn.app, drawn.environment, drawn.target], ['shop', 'dev', 'local']);
    const groups = drawn.boxes.map((one) => one.group);
    const order = ['edge', 'workload', 'resource', 'other'];
    assert.deepEqual(groups, [...groups].sort((a, b) => order.indexOf(a) - order.indexOf(b)));
    assert.equal(box('public').group, 'edge');
    assert.equal(box('db').group, 'resource');
});

test('links between two declarations are one edge, and places are in the source', () => {
    const api = box('api');
    assert.equal(api.place?.file, 'shop.plat');
    const uploads = api.reaches.find((edge) => edge.to === 'uploads');
    assert.ok(uploads);
    assert.ok(uploads.outs.includes('endpoint') && uploads.fields.includes('env.S3_ENDPOINT'));
    assert.ok(box('db').reachedBy.includes('api'));
    assert.deepEqual(api.reaches.find((edge) => edge.to === 'migrate')?.outs, []);
});

test('a box is told as a sentence', () => {
    const text = sentence(box('api'));
    assert.match(text, /^service api; /);
    assert.match(text, /reads url of db, and may read_write;/);
    assert.match(text, /waits for migrate;/);
    assert.match(text, /used by public\.$/);
});

test('no two boxes lie on each other, and all lie on the sheet', () => {
    const laid = layout(drawn);
    assert.equal(laid.boxes.length, drawn.boxes.length);
    for (const a of laid.boxes) {
        assert.ok(a.x >= 0 && a.y >= 0 && a.x + a.width <= laid.width && a.y + a.height <= laid.height, a.path);
        for (const b of laid.boxes) {
            const apart =
                a.x + a.width <= b.x || b.x + b.width <= a.x || a.y + a.height <= b.y || b.y + b.height <= a.y;
            assert.ok(a === b || apart, `${a.path} lies on ${b.path}`);
        }
    }
});

test('arrow keys follow the edges, there and back, and reach every box of a column', () => {
    const laid = layout(drawn);
    const reached = next('ArrowRight', 'mailer', drawn, laid);
    assert.ok(reached !== undefined && box('mailer').reaches.some((edge) => edge.to === reached));
    const back = next('ArrowLeft', reached, drawn, laid);
    assert.ok(back !== undefined && box(reached).reachedBy.includes(back));
    assert.equal(next('Home', 'db', drawn, laid), drawn.boxes[0]?.path);
    assert.equal(next('a', 'db', drawn, laid), undefined);
    const down = next('ArrowDown', 'db', drawn, laid) ?? next('ArrowUp', 'db', drawn, laid);
    assert.ok(down !== undefined && down !== 'db');
});

test('a plan is summed up as on the terminal', () => {
    const plan = shop('diff', 'dev', 'dev', '--json') as Plan;
    assert.equal(summary(plan), 'nothing to do');
    const counts = { ...plan.counts, create: 2, destroy: 1 };
    assert.equal(summary({ ...plan, nothing_to_do: false, counts }), '2 to create, 1 to destroy');
    const change = { node: 'api', kind: 'service', what: 'change', moved_from: null } as const;
    assert.equal(title({ ...change, place: null, fields: [], operations: [] }), 'service api');
});
