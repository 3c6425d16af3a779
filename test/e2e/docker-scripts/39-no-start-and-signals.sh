docker compose up --no-start db; echo $?
docker compose ps -a --format '{{.Service}} {{.State}}'
docker compose up -d --no-deps web; echo $?
docker compose ps --services
docker compose kill -s KILL web; echo $?
docker compose ps -a --format '{{.Service}} {{.State}} {{.ExitCode}}' web
docker compose up -d --no-deps --quiet-pull --pull never web; echo $?
docker compose up -d --attach nobody web >/dev/null 2>&1; echo $?
docker compose up -d --exit-code-from web >/dev/null 2>&1; echo $?
docker compose down -v
