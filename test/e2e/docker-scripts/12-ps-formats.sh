docker compose ps --format 'table {{.ID}}\t{{.Name}}'
docker compose up -d --wait
docker compose ps --format json | sed 's/}{/}\n{/g' | grep -o '"Service":"[a-z]*"'
docker compose ps --format json db | tr ',' '\n' | grep -o '"\(State\|Health\|ExitCode\|Project\|Name\)":[^,}]*' | sort
docker compose ps --format '{{.Name}} {{.Service}} {{.State}} {{.Health}}'
docker compose ps --format '{{.Ports}}' web
docker compose ps --format 'table {{.Name}}\t{{.State}}' | sed 's/ *$//'
docker compose ps --format '{{if eq .State "running"}}up{{else}}down{{end}} {{range .Publishers}}{{.TargetPort}}/{{.Protocol}} {{end}}'
docker compose ps --format '{{printf "%-12s|%5s" .Service .State}} {{len .Publishers}} {{with .Health}}<{{.}}>{{end}}'
docker compose ps --services
docker compose ps --services --status running
docker compose ps --filter status=exited -q | wc -l
docker compose ps --status exited --services | wc -l
docker compose down -v
