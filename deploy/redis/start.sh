#!/bin/sh
# Starts Redis with REDIS_PASSWORD, or with a password that is made once and kept in the volume
# /run/edgeseg, where the other services read it. It shows in no command line.
set -eu
file=/run/edgeseg/redis-password
umask 022
if [ -n "${REDIS_PASSWORD:-}" ]; then
    printf '%s\n' "$REDIS_PASSWORD" >"$file.new"
    mv "$file.new" "$file"
elif [ ! -s "$file" ]; then
    head -c 32 /dev/urandom | sha256sum | cut -c 1-64 >"$file.new"
    mv "$file.new" "$file"
fi
unset REDIS_PASSWORD
(umask 077 && printf 'requirepass "%s"\n' "$(cat "$file")" >/tmp/password.conf)
exec redis-server /etc/edgeseg/redis.conf --maxmemory "${REDIS_MAXMEMORY:-1gb}"
