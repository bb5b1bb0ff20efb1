#!/usr/bin/env bash
apt-get update -qq && apt-get install -y -qq python3 python3-numpy
