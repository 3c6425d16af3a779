# A Makefile's targets, each in a shell of its own, with errors that stop it.
set -e
up() { docker compose up -d --wait --quiet-pull; }
shell() { docker compose exec -T "$1" sh -c "$2"; }
clean() { docker compose down --volumes --remove-orphans --timeout 1; }
trap clean EXIT
up
shell web 'wget -q -O- http://localhost/'
shell web 'wget -q -O- http://web/'
[ -n "$(docker compose ps -q web)" ] && echo running
docker compose logs --no-color --no-log-prefix db | tail -n 1
docker compose restart -t 1 web
shell web 'echo restarted'
