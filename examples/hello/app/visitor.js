// Visits the service named web every five seconds.
async function visit() {
  try {
    const answer = await fetch('http://web:8000/');
    console.log(`visitor: ${(await answer.text()).trim()}`);
  } catch (error) {
    console.error(`visitor: ${error.cause ?? error}`);
  }
}

void visit();
const timer = setInterval(visit, 5000);
process.on('SIGTERM', () => {
  clearInterval(timer);
  process.exit(0);
});
