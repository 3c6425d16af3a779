JOB_CODE=5 docker compose --profile jobs up --exit-code-from job job >/dev/null 2>&1; echo $?
JOB_CODE=4 docker compose --profile jobs up --abort-on-container-exit job >/dev/null 2>&1; echo $?
JOB_CODE=6 docker compose --profile jobs up --abort-on-container-failure job >/dev/null 2>&1; echo $?
JOB_CODE=6 docker compose --profile jobs up job >/dev/null 2>&1; echo $?
JOB_CODE=9 docker compose --profile jobs run --rm -T job; echo $?
docker compose --profile jobs down -v
