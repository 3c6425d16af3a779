state() { docker compose ps -a --format '{{.Service}} {{.State}} {{.ExitCode}}'; }
docker compose up -d --wait
docker compose stop; echo $?; state
docker compose start; echo $?; docker compose ps --services
docker compose restart db; echo $?
docker compose pause db; state; docker compose unpause db; state
docker compose kill; state
docker compose rm -f; echo $?; state
docker compose down -v
