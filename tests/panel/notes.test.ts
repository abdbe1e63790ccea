import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import type { Api } from '../../ctc_ari/panel/src/core/api.ts';
import { Problem } from '../../ctc_ari/panel/src/core/api.ts';
import { Notes } from '../../ctc_ari/panel/src/core/notes.ts';

const kept = new Map<string, string>();
const storage = { getItem: (key: string) => kept.get(key) ?? null, setItem: (key: string, value: string) => kept.set(key, value), removeItem: (key: string) => kept.delete(key) };
Object.defineProperty(globalThis, 'localStorage', { value: storage, configurable: true });

/** A log that answers with this until it is told otherwise. */
function log(status: number, code = '') {
  const made = { status, code, written: [] as unknown[], left: -1, refused: [] as unknown[] };
  const api = {
    annotate: (...given: unknown[]) => {
      if (made.status !== 200) return Promise.reject(new Problem(made.status, made.code, ''));
      made.written.push(given);
      return Promise.resolve();
    },
  } as unknown as Api;
  const notes = new Notes('notes', api, (count) => (made.left = count), (error) => made.refused.push(error));
  return Object.assign(made, { notes });
}

beforeEach(() => kept.clear());

test('a note that the log takes is forgotten here', async () => {
  const { notes, ...made } = log(200);
  await notes.add('c1', 'text', 'done');
  assert.deepEqual([made.written, kept.size], [[['c1', 'text', 'done']], 0]);
  notes.close();
});

test('a call that is not in the log yet keeps its note, also for the next page', async () => {
  for (const [status, code] of [[404, 'call_not_found'], [503, 'database_unreachable'], [0, 'unreachable'], [401, 'unauthorized']] as const) {
    kept.clear();
    const first = log(status, code);
    await first.notes.add('c1', 'text', null);
    first.notes.close();
    assert.deepEqual([first.left, first.refused], [1, []], code);
    const next = log(200);
    await next.notes.send();
    next.notes.close();
    assert.deepEqual([next.written, next.left, kept.size], [[['c1', 'text', null]], 0, 0], code);
  }
});

test('a note that the log refuses for good is told, and others go on', async () => {
  const made = log(400, 'malformed');
  await made.notes.add('c1', 'text', null);
  made.notes.close();
  assert.deepEqual([made.refused.length, made.left, kept.size], [1, 0, 0]);
});
