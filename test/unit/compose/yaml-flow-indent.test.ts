import { describe, expect, test } from '@jest/globals';
import { Problems } from '../../../src/compose/problems.ts';
import { findChild, findText } from '../../../src/compose/raw-tree.ts';
import { readYaml } from '../../../src/compose/read-yaml.ts';
import { indentFlows } from '../../../src/compose/yaml-flow-indent.ts';

const LEFT = 'a:\n  command: [\n  "x",\n y\n]\nb: {\nc: d\n}\n';

describe('indentFlows', () => {
  test('leaves alone what is indented', () => {
    expect(indentFlows('a: [\n  1,\n  2\n]\nb: c\n')).toBeUndefined();
    expect(indentFlows('a:\n  b: [1,\n    2]\n')).toBeUndefined();
  });

  test('keeps every place where it was written', () => {
    const problems = new Problems();
    const [root] = readYaml(LEFT, 'f', problems);
    expect(problems.list()).toEqual([]);
    if (root?.kind !== 'map') throw new Error('no map');
    const a = findChild(root, 'a');
    const command = a?.kind === 'map' ? findChild(a, 'command') : undefined;
    const items = command?.kind === 'list' ? command.items : [];
    expect(items.map(({ position: { line, column } }) => [line, column])).toEqual([
      [3, 3],
      [4, 2],
    ]);
    const b = findChild(root, 'b');
    expect(b?.kind === 'map' ? b.entries.get('c')?.position : undefined).toMatchObject({
      line: 7,
      column: 1,
    });
  });

  test('quoted texts may stand as far left as they like', () => {
    const text = "a:\n  b: \"x\ny\\\n z\"\n  c: 'it''s'\n  d: 'e''\nf'\ng: |\n  \"not\nh: 1\n";
    const problems = new Problems();
    const [root] = readYaml(text, 'f', problems);
    expect(problems.list()).toEqual([]);
    if (root?.kind !== 'map') throw new Error('no map');
    const a = findChild(root, 'a');
    const texts = ['b', 'c', 'd'].map((key) => a && findText(a, key));
    expect(texts).toEqual(['x yz', "it's", "e' f"]);
    expect(findText(root, 'g')).toBe('"not\n');
    expect(root.entries.get('h')?.position).toMatchObject({ line: 10, column: 1 });
  });

  test.each([
    ['the end of the file', 'a: "x\nb: y\n'],
    ['the end of a document', 'a: "x\n---\ny"\n'],
  ])('a quoted text must not go on over %s', (_, text) => {
    expect(indentFlows(text)).toBeUndefined();
    const problems = new Problems();
    readYaml(text, 'f', problems);
    expect(problems.errorCount).toBeGreaterThan(0);
  });

  test('a bracket without its end is told where the list stops being one', () => {
    const problems = new Problems();
    readYaml('a:\n  b: [\n  "x",\nc: d\n', 'f', problems);
    expect(problems.errorCount).toBeGreaterThan(0);
    expect(problems.list()[0]?.position).toMatchObject({ line: 3 });
  });

  test('a text of many such lines is given up', () => {
    expect(indentFlows(`a: [\n${'x,\n'.repeat(600)}]\n`)).toBeUndefined();
  });
});
