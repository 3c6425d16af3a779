# `start` takes along what a service depends on, and waits for its conditions.
cat > compose.yaml <<END
x-long: &long { image: "${IMAGE}", command: ["sleep", "1000"], stop_signal: SIGKILL }
services:
  web:
    <<: *long
    depends_on:
      db: { condition: service_healthy }
      cache: { condition: service_started }
  cache: { <<: *long }
  db:
    <<: *long
    command: ["sh", "-c", "rm -f /tmp/ok; sleep 2; touch /tmp/ok; exec sleep 1000"]
    healthcheck: { test: ["CMD", "test", "-f", "/tmp/ok"], interval: 200ms, retries: 50 }
  job: { image: "${IMAGE}", command: ["sh", "-c", "exit 3"] }
  after: { <<: *long, depends_on: { job: { condition: service_completed_successfully } } }
END
list() { docker compose ps -a --format '{{.Service}} {{.State}} {{.Health}}'; }
docker compose start; echo $?
docker compose start web; echo $?
docker compose up -d --no-deps --no-start web
docker compose start web; echo $?
docker compose create; echo $?
docker compose start web; echo $?
list
docker compose stop; echo $?
docker compose start cache; echo $?
docker compose start after; echo $?
list
docker compose ls | wc -l
docker compose ls -a | wc -l
docker compose down; echo $?
