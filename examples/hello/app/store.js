// Counts visits in memory.
const { createServer } = require('node:http');

let visits = 0;
const server = createServer((request, response) => {
  if (request.url === '/visits' && request.method === 'POST') visits += 1;
  response.end(`${visits}\n`);
});
server.listen(7000, () => console.log('store: listening on 7000'));
process.on('SIGTERM', () => server.close(() => process.exit(0)));
