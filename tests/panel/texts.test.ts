import assert from 'node:assert/strict';
import { test } from 'node:test';
import { de } from '../../ctc_ari/panel/src/texts/de.ts';
import { en } from '../../ctc_ari/panel/src/texts/en.ts';
import { Language } from '../../ctc_ari/panel/src/texts/language.ts';

const holes = (text: string) => [...text.matchAll(/\{\w+\}/g)].map(([hole]) => hole).sort();

test('every text exists in every language, with the same holes', () => {
  assert.deepEqual(Object.keys(de), Object.keys(en));
  for (const key of Object.keys(en) as (keyof typeof en)[]) {
    assert.deepEqual(holes(de[key]), holes(en[key]), key);
    assert.ok(de[key].trim() !== '', key);
  }
});

test('the first language that there is, English otherwise', () => {
  assert.equal(new Language('fr', 'de-AT').text('hold'), 'Halten');
  assert.equal(new Language('fr').text('hold'), 'Hold');
  assert.equal(new Language().tag, 'en');
});

test('holes are filled with text as it is', () => {
  assert.equal(new Language('en').text('transferTalking', { name: '{name} <b>' }), 'Talking with {name} <b>');
});

test('moments are times today and days before', () => {
  const say = new Language('en-GB');
  const now = new Date(2026, 2, 1, 12, 0);
  assert.equal(say.moment(new Date(2026, 2, 1, 9, 5).toISOString(), now), '09:05');
  assert.equal(say.moment(new Date(2026, 1, 28, 9, 5).toISOString(), now), 'Yesterday, 09:05');
  assert.equal(say.moment(new Date(2026, 1, 3).toISOString(), now), '3 Feb');
  assert.equal(say.moment('never', now), '');
});
