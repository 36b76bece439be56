#!/bin/sh
# Takes its time, and never says a word.
exec sleep 3600
