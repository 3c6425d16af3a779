docker compose up -d db
sed -i 's/^  db:/  database:/; s/^      db:/      database:/' compose.yaml
docker compose up -d database 2>&1 | grep -c 'Found orphan containers'
docker compose ps --format '{{.Service}}' | sort
docker compose up -d --remove-orphans database
docker compose ps --format '{{.Service}}' | sort
docker compose down -v
