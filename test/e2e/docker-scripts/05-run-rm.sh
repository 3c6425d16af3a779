# Makefile: one-off commands.
docker compose run --rm --no-deps -T web echo hello
docker compose run --rm --no-deps -T web sh -c 'exit 3'; echo $?
docker compose run --rm --no-deps -T -e NAME=x web sh -c 'echo $NAME $MODE'
docker compose run --rm --no-deps -T --entrypoint echo web entry point
docker compose run --rm --no-deps -T -w /tmp web pwd
docker compose run --rm --no-deps -T -v ./:/here:ro web ls /here
docker compose ps -a -q | wc -l
docker compose down -v
