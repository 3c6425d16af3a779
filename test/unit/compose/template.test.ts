import { describe, expect, test } from '@jest/globals';
import { findVariables, substitute } from '../../../src/compose/template.ts';

const VALUES: Readonly<Record<string, string>> = { SET: 'set', EMPTY: '', _x1: 'under' };
const lookup = (name: string): string | undefined => VALUES[name];

describe('substitute', () => {
  test.each([
    ['$SET', 'set'],
    ['${SET}', 'set'],
    ['$SETx', ''],
    ['${SET}x', 'setx'],
    ['$_x1', 'under'],
    ['${UNSET:-d}', 'd'],
    ['${EMPTY:-d}', 'd'],
    ['${EMPTY-d}', ''],
    ['${UNSET-d}', 'd'],
    ['${SET:+alt}', 'alt'],
    ['${EMPTY:+alt}', ''],
    ['${EMPTY+alt}', 'alt'],
    ['${UNSET+alt}', ''],
    ['${SET:?e}', 'set'],
    ['${EMPTY?e}', ''],
    ['${UNSET:-${EMPTY:-$SET}}', 'set'],
    ['${UNSET:-a}b}', 'ab}'],
    ['${UNSET:-a-b:?c}', 'a-b:?c'],
    ['$$SET', '$SET'],
    ['$$$SET', '$set'],
    ['$${SET}', '${SET}'],
    ['${UNSET:-$$SET}', '$SET'],
    ['a$', 'a$'],
    ['$1 $- $(x)', '$1 $- $(x)'],
    ['plain', 'plain'],
  ])('%s must become %s', (template, expected) => {
    expect(substitute(template, lookup)).toMatchObject({ text: expected, fault: undefined });
  });

  test.each(['${SET', '${}', '${1}', '${ SET}', '${a.b}', '${SET:=x}', 'a${UNSET:-${SET}'])(
    '%s must be a fault of syntax',
    (template) => {
      expect(substitute(template, lookup).fault?.kind).toBe('syntax');
    },
  );

  test.each([
    ['${UNSET:?say it}', 'required variable UNSET is missing a value: say it'],
    ['${EMPTY:?}', 'required variable EMPTY is missing a value'],
    ['${UNSET?$SET}', 'required variable UNSET is missing a value: set'],
    ['${SET:-${UNSET:?inside}}', 'required variable UNSET is missing a value: inside'],
  ])('%s must be a missing value', (template, text) => {
    expect(substitute(template, lookup).fault).toEqual({ kind: 'required', text });
  });

  test('only variables that are needed and have no default must count as unset', () => {
    const { unset } = substitute('$A ${B:-x} ${C} $A ${SET:-$D}', lookup);
    expect(unset).toEqual(['A', 'C']);
  });

  test('names must not be found on the prototype of anything', () => {
    expect(substitute('${constructor:-d}', (name) => new Map().get(name) as undefined).text).toBe(
      'd',
    );
  });
});

describe('findVariables', () => {
  test('must find names, defaults and what is required, in operands too', () => {
    expect(findVariables('$A ${B:-x$C} ${D:?e} ${E:+f} $$G')).toEqual([
      { name: 'A', isRequired: false, defaultValue: undefined, alternateValue: undefined },
      { name: 'B', isRequired: false, defaultValue: 'x$C', alternateValue: undefined },
      { name: 'C', isRequired: false, defaultValue: undefined, alternateValue: undefined },
      { name: 'D', isRequired: true, defaultValue: undefined, alternateValue: undefined },
      { name: 'E', isRequired: false, defaultValue: undefined, alternateValue: 'f' },
    ]);
  });
});
