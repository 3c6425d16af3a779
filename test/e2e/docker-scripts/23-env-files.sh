echo 'MODE=from-dotenv' > .env
docker compose run --rm --no-deps -T web sh -c 'echo $MODE'
echo 'MODE=from-file' > custom.env
docker compose --env-file custom.env run --rm --no-deps -T web sh -c 'echo $MODE'
MODE=from-shell docker compose run --rm --no-deps -T web sh -c 'echo $MODE'
docker compose run --rm --no-deps -T -e MODE=from-option web sh -c 'echo $MODE'
docker compose down -v
