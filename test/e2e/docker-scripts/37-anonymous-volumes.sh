cat > compose.yaml <<END
services:
  app:
    image: "${IMAGE}"
    command: sleep 1000
    stop_signal: SIGKILL
    volumes: [/anonymous]
    environment: { V: "\${V:-1}" }
END
docker compose up -d
docker compose exec -T app sh -c 'echo kept > /anonymous/file'
V=2 docker compose up -d
docker compose exec -T app sh -c 'echo $V; cat /anonymous/file'
V=2 docker compose up -d --force-recreate --renew-anon-volumes
docker compose exec -T app ls /anonymous
docker compose down -v
