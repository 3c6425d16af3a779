# Switches with a value, and short options with `=`.
docker compose up --detach=true --quiet-pull=false --wait=false; echo $?
docker compose ps --all=true --quiet=1
docker compose ps -q=t
docker compose ps --quiet=maybe 2>/dev/null; echo $?
docker compose ps --no-trunc=false --format '{{.Name}}'
docker compose exec -T=true web echo hi
docker compose exec --no-TTY web echo hi
docker compose exec -Tuuser web id -un
docker compose exec -Te A=1 web sh -c 'echo $A'
docker compose exec -T web ls -la=x 2>/dev/null; echo $?
docker compose logs --no-color=true --no-log-prefix=true -t=false -n=1 db
docker compose -f=compose.yaml -pdemo --ansi=never --dry-run=false ps -q
docker compose stop -t=0 web; echo $?
docker compose config -q=false --services
docker compose config --quiet=true; echo $?
docker compose down --volumes=true --timeout=0 --remove-orphans=false; echo $?
