package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sync/atomic"

	"github.com/spf13/cobra"

	"github.com/portreeve/portreeve/internal/replay"
	"github.com/portreeve/portreeve/internal/terminal"
	"github.com/portreeve/portreeve/translate/envoy"
	"github.com/portreeve/portreeve/translate/explain"
)

type replaying struct {
	compileFlags
	gatewayFlags
	formatFlag
}

func replayCommand() *cobra.Command {
	var r replaying
	c := &cobra.Command{
		Use:   "replay LOG OLD NEW",
		Short: "Show which requests of an access log would get another answer",
		Long: "Ask of each request in an access log (- is standard input; it may be packed by gzip) what two sets of policy files make of it, " +
			"and print by the rule that decides how many would get another answer. LOG is in the format that OLD configures, in the default one, or in Istio's, as text or JSON. " +
			"What the log does not say is not guessed: such requests are counted apart. The exit code is 1 where an answer changes.",
		Example: `  portreeve replay access.log policy policy-new
  portreeve replay access.log.gz policy policy-new -o lines | jq 'select(.result == "changed")'`,
		Args: exactly("the LOG, or - for standard input, and the OLD and the NEW policy: portreeve replay access.log policy policy-new", 3),
		RunE: r.run,
	}
	r.compileFlags.register(c)
	r.gatewayFlags.register(c)
	r.formatFlag.register(c, "text", "text", "json", "yaml", formatLines)
	return c
}

// formatLines prints every request instead of the report, a JSON object a line.
const formatLines = "lines"

// shownOn is where it is said how far it is: nowhere where requests are printed to the same terminal meanwhile.
func (r *replaying) shownOn(c *cobra.Command) io.Writer {
	if r.format == formatLines && terminal.Is(c.OutOrStdout()) {
		return io.Discard
	}
	return c.ErrOrStderr()
}

func (r *replaying) run(c *cobra.Command, args []string) error {
	options, err := r.options(c, args[1], args[2])
	if err != nil {
		return err
	}
	log, size, err := openLog(c, args[0])
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }()
	out := bufio.NewWriter(c.OutOrStdout())
	if r.format == formatLines {
		options.Each = func(o replay.Outcome) error { return json.NewEncoder(out).Encode(o) }
	}
	far := howFar{size: size}
	options.Progress = far.note
	progress := terminal.Begin(r.shownOn(c), os.Getenv)
	progress.Follow(far.text)
	report, err := replay.Run(c.Context(), log, options)
	progress.End()
	switch {
	case errors.Is(err, context.Canceled):
		return errors.New("stopped before the end of the log")
	case err != nil:
		return err
	case report.Requests == 0 && report.Broken.Count == 0:
		// What compares nothing must not pass a gate.
		return fmt.Errorf("there is no request in %s", args[0])
	case report.Requests == 0:
		return fmt.Errorf("no line of %s could be read; the first: %s. Known are the default formats and those that OLD configures: give --mesh-config", args[0], report.Broken.Examples[0].Why)
	}
	if r.format != formatLines {
		if err := r.print(out, report, report.WriteText); err != nil {
			return err
		}
	}
	if err := out.Flush(); err != nil {
		return err
	}
	if report.Changed > 0 {
		return errFindings
	}
	return nil
}

// options makes both sides ready.
func (r *replaying) options(c *cobra.Command, before, after string) (replay.Options, error) {
	var out replay.Options
	oldResources, oldGateway, err := r.side(c, before)
	if err != nil {
		return out, err
	}
	newResources, newGateway, err := r.side(c, after)
	if err != nil {
		return out, err
	}
	return replay.Options{
		Old: oldGateway, New: newGateway,
		Formats: replay.NewFormats(envoy.LogFormats(oldResources)), Facts: replay.NewFacts(oldResources, newResources),
	}, nil
}

func (r *replaying) side(c *cobra.Command, path string) (envoy.Resources, *explain.Gateway, error) {
	program, err := compiled(c, []string{path}, r.compileFlags)
	if err != nil {
		return envoy.Resources{}, nil, err
	}
	program = program.WithKeys(unknownKeysOf(program.KeySourcesFor(r.gateway())))
	resources, told, refused := program.Both(r.gateway())
	if len(refused) > 0 {
		printFindings(c.OutOrStdout(), refused)
		return resources, nil, errFindings
	}
	if len(resources.Listeners) == 0 {
		return resources, nil, fmt.Errorf("no Gateway in %s selects the gateway that --namespace and --labels name: it opens no port", path)
	}
	gateway, err := explain.NewTold(resources, told)
	if err != nil {
		return resources, nil, fmt.Errorf("understand what %s becomes: %w", path, err)
	}
	return resources, gateway, nil
}

// openLog opens a log; its size is 0 where it is not known.
func openLog(c *cobra.Command, path string) (io.ReadCloser, int64, error) {
	if path == "-" {
		return io.NopCloser(c.InOrStdin()), 0, nil
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, 0, err
	}
	info, err := file.Stat()
	if err != nil {
		_ = file.Close()
		return nil, 0, err
	}
	if !info.Mode().IsRegular() {
		return file, 0, nil
	}
	return file, info.Size(), nil
}

// howFar says how far a replay is; the size of the log is 0 where it is not known. It is told and asked at the same time.
type howFar struct {
	size         int64
	lines, bytes atomic.Int64
}

func (f *howFar) note(p replay.Progress) {
	f.lines.Store(int64(p.Lines))
	f.bytes.Store(p.Bytes)
}

func (f *howFar) text() string {
	text := fmt.Sprintf("%d lines", f.lines.Load())
	if f.size > 0 {
		text += fmt.Sprintf(", %d %%", min(100*f.bytes.Load()/f.size, 100))
	}
	return text
}
