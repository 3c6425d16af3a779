docker compose config -q; echo $?
docker compose config --services | sort
docker compose config --volumes
docker compose config --images | sort -u
docker compose config --profiles
docker compose config --format json | grep -o '"name": *"[a-z]*"' | head -1 | tr -d ' '
printf 'services:\n  x: { imagee: y }\n' > bad.yaml
docker compose -f bad.yaml config -q 2>/dev/null; echo $?
docker compose -f missing.yaml config -q 2>/dev/null; echo $?
