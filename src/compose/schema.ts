import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { installRoot } from '../base/install-root.ts';

/** The keywords of JSON Schema that the schema of compose files uses; each speaks only of its own type. */
export interface Schema {
  readonly $ref?: string;
  readonly type?: SchemaType | readonly SchemaType[];
  readonly enum?: readonly unknown[];
  readonly pattern?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly items?: Schema;
  readonly uniqueItems?: boolean;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly patternProperties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: boolean;
  readonly required?: readonly string[];
  readonly $defs?: Readonly<Record<string, Schema>>;
}

export type SchemaType = 'null' | 'boolean' | 'integer' | 'number' | 'string' | 'array' | 'object';

let loaded: Schema | undefined;

/** The schema of compose files, `schemas/compose.schema.json`, read once. */
export function composeSchema(): Schema {
  loaded ??= parseSchema(
    readFileSync(join(installRoot(), 'schemas', 'compose.schema.json'), 'utf8'),
  );
  return loaded;
}

/** The file is ours and a test holds it against this type. */
function parseSchema(text: string): Schema {
  return JSON.parse(text) as Schema;
}
