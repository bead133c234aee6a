//go:build race

package main

// underRace says that the race detector runs, with which time tells nothing.
const underRace = true
