#!/bin/sh
# Ends with 0 when Redis takes a write: loaded, not full, not read-only.
REDISCLI_AUTH=$(cat /run/edgeseg/redis-password)
export REDISCLI_AUTH
redis-cli set edgeseg:health 1 ex 60 | grep -q OK
