# The loop of many READMEs: wait until a service is healthy.
docker compose up -d db
for i in $(seq 1 50); do
  case "$(docker compose ps db --format '{{.Health}}')" in healthy) echo healthy; break ;; esac
  sleep 0.2
done
docker compose ps --format json | head -c 1; echo
docker compose ps -a --format '{{.Name}}: {{.Status}}' | sed 's/Up .* (/Up (/'
docker compose down -v -t 0; echo $?
