mkdir -p other; cp compose.yaml other/stack.yml
docker compose -p named -f other/stack.yml up -d db
docker compose -p named ps --format '{{.Name}} {{.Project}}'
docker compose -p named exec -T db true; echo $?
docker compose ls -q | sort
docker compose ls --format json | grep -o '"Name":"named","Status":"running(1)"'
docker compose -p named down -v
COMPOSE_PROJECT_NAME=env docker compose up -d db
docker compose -p env ps --format '{{.Name}}'
docker compose -p env down -v
