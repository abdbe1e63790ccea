import assert from 'node:assert/strict';
import { test } from 'node:test';
import { between, dialable, duration, hue, initials, nameOf, readable, webAddress } from '../../ctc_ari/panel/src/core/format.ts';
import { rate } from '../../ctc_ari/panel/src/core/quality.ts';

test('numbers are written so that they can be read aloud', () => {
  const spaced = (number: string) => readable(number).replaceAll('\u00a0', ' ');
  assert.equal(spaced('+442079460011'), '+44 20 7946 0011');
  assert.equal(spaced('+4930123456'), '+49 3012 3456');
  assert.equal(spaced('+14155550123'), '+1 415 555 0123');
  assert.equal(spaced('+353123456789'), '+353 12345 6789');
  assert.equal(spaced('1001'), '1001');
  assert.equal(spaced('anna@example.com'), 'anna@example.com');
});

test('durations', () => {
  assert.deepEqual([0, 9.9, 61, 3751, -5].map(duration), ['0:00', '0:09', '1:01', '1:02:31', '0:00']);
  assert.equal(between('2026-03-01T09:30:00.000Z', Date.parse('2026-03-01T09:30:01.500Z')), 1.5);
  assert.equal(between(null, 1), 0);
});

test('a contact without a name is its number', () => {
  assert.equal(nameOf({ contact: { id: 'x', name: '  ' }, number: '1001' }), '1001');
  assert.equal(nameOf({ contact: null, number: '1001' }), '1001');
});

test('initials are letters of any script, whatever stands around them', () => {
  const of = (name: string) => initials({ name });
  assert.deepEqual(['Grace Hopper', 'Ada', 'Dr. Ida von Öde', '李 小龙', '<img src=x>', '', '𝒜 b'].map(of), ['GH', 'A', 'DÖ', '李小', 'S', '', '𝒜B']);
  assert.ok(hue('Grace') >= 0 && hue('Grace') < 360);
});

test('what can be dialled is told from names', () => {
  for (const text of ['+44 20 7946 0011', '(020) 7946-0011', '1001', '112']) assert.ok(dialable(text), text);
  for (const text of ['', 'Grace', '7', 'call 1001', '++44', 'a1b2']) assert.ok(!dialable(text), text);
});

test('bars follow loss and delay', () => {
  const none = { received: 0, lost: 0, jitter: 0, roundTrip: 0.02 };
  const bars = (received: number, lost: number, roundTrip = 0.02) => rate(none, { received, lost, jitter: 0.005, roundTrip }).bars;
  assert.deepEqual([bars(100, 0), bars(98, 4), bars(92, 8), bars(80, 20), bars(0, 0)], [4, 3, 2, 1, 0]);
  assert.equal(bars(100, 0, 1.2), 1);
});

test('only addresses of the web are opened', () => {
  for (const url of ['https://crm.example.com/1', 'http://crm/1?x=y']) assert.equal(webAddress(url), url);
  for (const url of ['javascript:alert(1)', ' JavaScript:alert(1)', 'data:text/html,x', 'crm/1', '', null, undefined]) assert.equal(webAddress(url), null, String(url));
});
