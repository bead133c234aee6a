// Command composecheck checks a docker-compose file without a container engine: it is loaded as
// docker compose loads it (schema, references between services), what it mounts and builds must
// exist, with every stage of the Dockerfile that is named, mounts must be of directories, every image must have a tag, ports may be published on
// loopback only, and what is waited for until it ends must end.
//
//	composecheck FILE
//
// Findings go to stdout. It exits with 0 when there are none, 1 when there are, 2 on bad usage.
package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

func run(args []string, stdout, stderr io.Writer) int {
	if len(args) != 1 {
		_, _ = fmt.Fprintln(stderr, "usage: composecheck FILE")
		return 2
	}
	findings := check(context.Background(), args[0])
	for _, finding := range findings {
		_, _ = fmt.Fprintf(stdout, "%s: %s\n", args[0], finding)
	}
	if len(findings) > 0 {
		return 1
	}
	return 0
}

// check returns what is wrong with a file, ordered by service.
func check(ctx context.Context, file string) []string {
	project, err := load(ctx, file)
	if err != nil {
		return []string{err.Error()}
	}
	if len(project.Services) == 0 {
		return []string{"there is no service"}
	}
	var findings []string
	for _, name := range project.ServiceNames() {
		for _, finding := range checkService(project.Services[name]) {
			findings = append(findings, "service "+name+": "+finding)
		}
	}
	return append(findings, checkWaits(project)...)
}

// load reads a file as docker compose does.
func load(ctx context.Context, file string) (*types.Project, error) {
	options, err := cli.NewProjectOptions([]string{file}, cli.WithName("check"), cli.WithInterpolation(true))
	if err != nil {
		return nil, err
	}
	return options.LoadProject(ctx)
}

// checkWaits finds services that wait for the end of one that is started again whenever it ends.
func checkWaits(project *types.Project) []string {
	var findings []string
	for _, name := range project.ServiceNames() {
		for _, before := range slices.Sorted(maps.Keys(project.Services[name].DependsOn)) {
			restart := project.Services[before].Restart
			forever := restart == types.RestartPolicyAlways || restart == types.RestartPolicyUnlessStopped
			if project.Services[name].DependsOn[before].Condition == types.ServiceConditionCompletedSuccessfully && forever {
				findings = append(findings, fmt.Sprintf("service %s: it waits for the end of %s, which has restart: %s", name, before, restart))
			}
		}
	}
	return findings
}

func checkService(s types.ServiceConfig) []string {
	return slices.Concat(checkImage(s), checkBuild(s), checkMounts(s), checkPorts(s))
}

func checkImage(s types.ServiceConfig) []string {
	switch _, tag, tagged := strings.Cut(s.Image[strings.LastIndex(s.Image, "/")+1:], ":"); {
	case s.Image == "" && s.Build == nil:
		return []string{"it has neither image nor build"}
	case s.Image == "" || s.Build != nil || strings.Contains(s.Image, "@sha256:"):
		return nil
	case !tagged || tag == "latest":
		return []string{"image " + s.Image + " needs a fixed tag"}
	default:
		return nil
	}
}

func checkBuild(s types.ServiceConfig) []string {
	if s.Build == nil || s.Build.DockerfileInline != "" {
		return nil
	}
	file := s.Build.Dockerfile
	if file == "" {
		file = "Dockerfile"
	}
	if !filepath.IsAbs(file) {
		file = filepath.Join(s.Build.Context, file)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return []string{"build: " + err.Error()}
	}
	return checkStages(stagesOf(string(text)), s.Build.Target)
}

// checkMounts finds mounts of what is not there: an engine would make an empty folder of it. It
// finds mounts of single files too: such a one keeps its old content when an editor replaces it.
func checkMounts(s types.ServiceConfig) []string {
	var findings []string
	for _, mount := range s.Volumes {
		if mount.Type != types.VolumeTypeBind {
			continue
		}
		switch info, err := os.Stat(mount.Source); {
		case err != nil:
			findings = append(findings, "volume: "+err.Error())
		case !info.IsDir():
			findings = append(findings, "volume: "+mount.Source+" is a file; mount its directory")
		}
	}
	return findings
}

// checkPorts finds ports that other machines could reach: without an address an engine
// publishes on all of them, past the host's firewall.
func checkPorts(s types.ServiceConfig) []string {
	var findings []string
	for _, port := range s.Ports {
		if ip := net.ParseIP(port.HostIP); ip == nil || !ip.IsLoopback() {
			findings = append(findings, fmt.Sprintf("port %d is published on %q; put 127.0.0.1: before it", port.Target, port.HostIP))
		}
	}
	return findings
}
