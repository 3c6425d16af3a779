import { getService } from '../../plan/selection.ts';
import { type CommandDefinition, option } from '../command.ts';
import { type GraphNode, formatDot, formatMermaid, formatTree } from '../format/graph.ts';

export const graphCommand: CommandDefinition = {
  name: 'graph',
  usage: '[SERVICE...]',
  summary: 'Draw which service depends on which',
  options: [
    option('--dot', 'for Graphviz'),
    option('--mermaid', 'for Mermaid, as in Markdown files'),
  ],
  examples: [
    ['ocup graph', 'a tree: below each service what it waits for'],
    ['ocup graph --dot | dot -Tsvg > graph.svg', 'a picture'],
  ],
  async run(session, { args, options }) {
    const { context, globals } = session;
    const { loadOptions } = await import('../load.ts');
    const { loadProject } = await import('../../compose/load-project.ts');
    const given = loadOptions(context, globals, { services: args });
    // What cannot be run yet can be drawn.
    const project = await loadProject({ ...given, allowsUnsupported: true });
    for (const name of args) getService(project, name);
    const names = new Set(project.services.map(({ name }) => name));
    const nodes: GraphNode[] = project.services.map(({ name, dependsOn }) => ({
      name,
      edges: dependsOn
        // An optional dependency may be missing.
        .filter(({ service }) => names.has(service))
        .map(({ service, condition, isRequired }) => ({ to: service, condition, isRequired })),
    }));
    if (options.flag('dot')) await session.print(formatDot(nodes, project.name));
    else if (options.flag('mermaid')) await session.print(formatMermaid(nodes));
    else await session.print(formatTree(nodes, args));
    return 0;
  },
};
