// Answers with the number of visits, which it asks of the service named store.
const { createServer } = require('node:http');
const { hostname } = require('node:os');

const server = createServer(async (request, response) => {
  try {
    const answer = await fetch('http://store:7000/visits', { method: 'POST' });
    response.end(`Hello from ${hostname()}, visit ${(await answer.text()).trim()}\n`);
  } catch (error) {
    response.statusCode = 502;
    response.end(`store does not answer: ${error.cause ?? error}\n`);
  }
});
server.listen(8000, () => console.log('web: listening on 8000'));
process.on('SIGTERM', () => {
  server.closeAllConnections();
  server.close(() => process.exit(0));
});
