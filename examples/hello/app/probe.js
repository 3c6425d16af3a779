// Ends with 0 if the address answers with success.
fetch(process.argv[2]).then(
  (answer) => process.exit(answer.ok ? 0 : 1),
  () => process.exit(1),
);
