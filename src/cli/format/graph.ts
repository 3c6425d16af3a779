import type { DependencyCondition } from '../../model/project.ts';

/** A service and what it depends on. */
export interface GraphNode {
  readonly name: string;
  readonly edges: readonly GraphEdge[];
}

export interface GraphEdge {
  readonly to: string;
  readonly condition: DependencyCondition;
  readonly isRequired: boolean;
}

const WORDS: Readonly<Record<DependencyCondition, string>> = {
  service_started: 'started',
  service_healthy: 'healthy',
  service_completed_successfully: 'completed',
};

/**
 * A tree in ASCII: below each service what it depends on, and the state it waits for. It begins with `roots`, or
 * with the services that none depends on. What was drawn before is named again, but not its branches.
 */
export function formatTree(nodes: readonly GraphNode[], roots: readonly string[]): string {
  const byName = new Map(nodes.map((node) => [node.name, node]));
  const needed = new Set(nodes.flatMap(({ edges }) => edges.map(({ to }) => to)));
  const tops = roots.length > 0 ? roots : [...byName.keys()].filter((name) => !needed.has(name));
  const drawn = new Set<string>();
  const lines: string[] = [];
  const below = (name: string, indent: string): void => {
    drawn.add(name);
    const edges = byName.get(name)?.edges ?? [];
    for (const [index, edge] of edges.entries()) {
      const isLast = index === edges.length - 1;
      const isKnown = drawn.has(edge.to) && (byName.get(edge.to)?.edges.length ?? 0) > 0;
      const label = `${edge.to} (${describe(edge)})${isKnown ? ' ...' : ''}`;
      lines.push(`${indent}${isLast ? '`--' : '|--'} ${label}`);
      if (!isKnown) below(edge.to, `${indent}${isLast ? '    ' : '|   '}`);
    }
  };
  for (const name of tops) {
    lines.push(name);
    below(name, '');
  }
  return lines.map((line) => `${line}\n`).join('');
}

/** The language of Graphviz. */
export function formatDot(nodes: readonly GraphNode[], title: string): string {
  const lines = nodes.flatMap(({ name, edges }) => [
    `  ${quoted(name)};`,
    ...edges.map(({ to, condition, isRequired }) => {
      const style = isRequired ? '' : ', style=dashed';
      return `  ${quoted(name)} -> ${quoted(to)} [label=${quoted(WORDS[condition])}${style}];`;
    }),
  ]);
  return `digraph ${quoted(title)} {\n${lines.map((line) => `${line}\n`).join('')}}\n`;
}

/** The language of Mermaid. Names may hold signs that it gives a meaning to: they are texts of numbered nodes. */
export function formatMermaid(nodes: readonly GraphNode[]): string {
  const ids = new Map(nodes.map(({ name }, index) => [name, `s${index}`]));
  const id = (name: string): string => ids.get(name) ?? name;
  const lines = [
    ...nodes.map(({ name }) => `  ${id(name)}["${name}"]`),
    ...nodes.flatMap(({ name, edges }) =>
      edges.map(({ to, condition, isRequired }) => {
        const arrow = isRequired ? '-->' : '-.->';
        return `  ${id(name)} ${arrow}|${WORDS[condition]}| ${id(to)}`;
      }),
    ),
  ];
  return `flowchart TD\n${lines.map((line) => `${line}\n`).join('')}`;
}

function describe({ condition, isRequired }: GraphEdge): string {
  return isRequired ? WORDS[condition] : `${WORDS[condition]}, optional`;
}

function quoted(text: string): string {
  return `"${text.replaceAll(/["\\]/g, '\\$&')}"`;
}
