docker compose up -d db
docker compose exec -T db sh -c 'exit 7'; echo $?
docker compose exec -T db no-such-command >/dev/null 2>&1; echo $?
docker compose exec -T db /etc/passwd >/dev/null 2>&1; echo $?
docker compose exec -T web true 2>/dev/null; echo $?
docker compose exec -T nobody true 2>/dev/null; echo $?
docker compose down -v
