package main

import (
	"fmt"
	"slices"
	"strings"
)

// stage is one stage of a Dockerfile.
type stage struct {
	name, base string
	// lines are its instructions, each on one line.
	lines []string
}

// stagesOf splits a Dockerfile into its stages.
func stagesOf(text string) []stage {
	var out []stage
	for line := range strings.Lines(strings.ReplaceAll(text, "\\\n", " ")) {
		words := strings.Fields(line)
		if len(words) == 0 || strings.HasPrefix(words[0], "#") {
			continue
		}
		if strings.EqualFold(words[0], "FROM") {
			plain := slices.DeleteFunc(words[1:], func(w string) bool { return strings.HasPrefix(w, "--") })
			s := stage{}
			if len(plain) > 0 {
				s.base = plain[0]
			}
			if len(plain) == 3 && strings.EqualFold(plain[1], "AS") {
				s.name = plain[2]
			}
			out = append(out, s)
			continue
		}
		if len(out) > 0 {
			last := &out[len(out)-1]
			last.lines = append(last.lines, strings.Join(words, " "))
		}
	}
	return out
}

// checkStages finds a target that is no stage, and a stage that takes from one that is not above it.
// A name with a / or : is that of an image.
func checkStages(stages []stage, target string) []string {
	var findings []string
	above := map[string]bool{}
	for _, s := range stages {
		for _, from := range s.takesFrom() {
			if !above[from] && !strings.ContainsAny(from, "/:") {
				findings = append(findings, fmt.Sprintf("build: stage %s takes from %q, which is no stage above it", s.name, from))
			}
		}
		above[s.name] = true
	}
	if target != "" && !above[target] {
		findings = append(findings, fmt.Sprintf("build: the Dockerfile has no stage %q", target))
	}
	return findings
}

// takesFrom returns the stages and images that files are copied from.
func (s stage) takesFrom() []string {
	var out []string
	for _, line := range s.lines {
		for _, word := range strings.Fields(line) {
			if from, ok := strings.CutPrefix(word, "--from="); ok {
				out = append(out, from)
			}
		}
	}
	return out
}
