same() { [ "$1" = "$2" ] && echo same || echo other; }
docker compose up -d --wait
web=$(docker compose ps -q web); db=$(docker compose ps -q db)
docker compose up -d --wait
same "$web" "$(docker compose ps -q web)"
MODE=changed docker compose up -d --wait
same "$web" "$(docker compose ps -q web)"; same "$db" "$(docker compose ps -q db)"
web=$(docker compose ps -q web)
docker compose up -d --no-recreate; same "$web" "$(docker compose ps -q web)"
docker compose up -d --force-recreate --no-deps web; same "$web" "$(docker compose ps -q web)"
same "$db" "$(docker compose ps -q db)"
docker compose up -d --force-recreate db; same "$db" "$(docker compose ps -q db)"
docker compose down -v
