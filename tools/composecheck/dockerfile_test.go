package main

import (
	"os"
	"slices"
	"strings"
	"testing"
)

func TestStages(t *testing.T) {
	const good = "# a comment\nFROM golang:1 AS build\nRUN a \\\n  b\nFROM --platform=linux/amd64 scratch AS run\nCOPY --from=build /a /a\nCOPY --from=alpine:3 /b /b\n"
	for name, c := range map[string]struct{ text, target, want string }{
		"good":             {good, "run", ""},
		"no target":        {good, "", ""},
		"unknown target":   {good, "runs", `no stage "runs"`},
		"unknown source":   {strings.Replace(good, "--from=build", "--from=builder", 1), "run", `takes from "builder"`},
		"source below":     {"FROM scratch AS a\nCOPY --from=b /a /a\nFROM scratch AS b\n", "a", `takes from "b"`},
		"nothing":          {"", "run", `no stage "run"`},
		"a target by case": {strings.Replace(good, "AS run", "as run", 1), "run", ""},
	} {
		t.Run(name, func(t *testing.T) {
			got := strings.Join(checkStages(stagesOf(c.text), c.target), "\n")
			if (got == "") != (c.want == "") || !strings.Contains(got, c.want) {
				t.Errorf("it says %q, want %q", got, c.want)
			}
		})
	}
}

// TestTheImage holds what the control plane's image must have: nothing else is in it, so without
// authorities no key is fetched over https, and the program must be told its version.
func TestTheImage(t *testing.T) {
	text, err := os.ReadFile("../../Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	stages := stagesOf(string(text))
	at := func(name string) stage {
		i := slices.IndexFunc(stages, func(s stage) bool { return s.name == name })
		if i < 0 {
			t.Fatalf("there is no stage %s", name)
		}
		return stages[i]
	}
	image, build := at("portreeve"), strings.Join(at("build").lines, "\n")
	if image.base != "scratch" {
		t.Errorf("the image is made from %s", image.base)
	}
	for _, want := range []string{
		"COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt",
		"COPY --from=build /out/portreeve /portreeve", "USER 65532:65532",
		"LABEL org.opencontainers.image.version=$VERSION org.opencontainers.image.revision=$COMMIT",
	} {
		if !slices.Contains(image.lines, want) {
			t.Errorf("the image lacks %q", want)
		}
	}
	for _, want := range []string{"ARG VERSION=", "ARG COMMIT=", "-X main.version=$VERSION -X main.commit=$COMMIT"} {
		if !strings.Contains(build, want) {
			t.Errorf("the build lacks %q", want)
		}
	}
}
