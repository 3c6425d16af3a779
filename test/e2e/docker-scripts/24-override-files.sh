printf 'services:\n  web:\n    environment: { MODE: overridden }\n' > compose.override.yaml
docker compose run --rm --no-deps -T web sh -c 'echo $MODE'
docker compose -f compose.yaml run --rm --no-deps -T web sh -c 'echo $MODE'
docker compose down -v
