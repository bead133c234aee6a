//go:build race

package test

// underRace says that the race detector runs, with which time tells nothing.
const underRace = true
