package main

import (
	"crypto/ed25519"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/portreeve/portreeve/internal/audit"
	"github.com/portreeve/portreeve/internal/audit/chain"
	"github.com/portreeve/portreeve/internal/terminal"
)

type auditVerifying struct {
	formatFlag
	publicKeys []string
	head       string
}

func auditVerifyCommand() *cobra.Command {
	var v auditVerifying
	c := &cobra.Command{
		Use:   "verify FILE",
		Short: "Say whether the record is as it was written",
		Long: "Read the record from its first line to its last, over all files that FILE was rotated into, and say what is the first that is not as it was written: " +
			"a line that was changed, removed, added or moved, a file that is missing, a signature that is wrong. It may be written meanwhile.\n\n" +
			"Who can write the files and knows how can write all of them anew. Give --public-key to have the signatures checked that --audit-key makes, " +
			"and --head with what is kept elsewhere, to find that too. The exit code is 1 where something is not as it was written.",
		Example: "  portreeve audit verify /var/log/portreeve/audit.log --public-key audit.pub\n" +
			"  portreeve audit verify audit.log --head /mnt/elsewhere/audit.log.head",
		Args: exactly("the FILE that --audit-log names: portreeve audit verify audit.log", 1),
		RunE: v.run,
	}
	v.register(c, "text", "text", "json")
	c.Flags().StringArrayVar(&v.publicKeys, "public-key", nil, "File with the public key, in PEM, by which the record has to be signed; again for each that was in use.")
	c.Flags().StringVar(&v.head, "head", "", "What the record has to lead to: a file with its head, or SEQ:HASH of a line. By default the file FILE.head.")
	takes(c, "public-key", aPEMFile())
	takes(c, "head", given("FILE|SEQ:HASH", byEnding()))
	return c
}

func (v *auditVerifying) run(c *cobra.Command, args []string) error {
	options, line, err := v.options()
	if err != nil {
		return err
	}
	progress := terminal.Begin(c.ErrOrStderr(), os.Getenv)
	progress.Say("verifying %s", args[0])
	report, err := chain.Verify(args[0], options)
	progress.End()
	if err == nil {
		err = absent(args[0], report)
	}
	if err != nil {
		return err
	}
	if report.Fault == nil && line != nil {
		if report.Fault, err = line.missing(args[0], report); err != nil {
			return err
		}
	}
	text := func(w io.Writer) error { return v.write(w, args[0], report) }
	if err := v.print(c.OutOrStdout(), report, text); err != nil {
		return err
	}
	if report.Fault != nil {
		return errFindings
	}
	return nil
}

// absent is the error of a record of which there is no file: its name is wrong, or all of it was taken away.
func absent(file string, r chain.Report) error {
	if _, headErr := os.Lstat(file + ".head"); r.Files > 0 || headErr == nil {
		return nil
	}
	if _, err := os.Lstat(file); errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// options reads the flags. The place is nil where no line is named.
func (v *auditVerifying) options() (out chain.VerifyOptions, line *auditPlace, err error) {
	for _, file := range v.publicKeys {
		keys, err := readPublicKeys(file)
		if err != nil {
			return out, nil, err
		}
		out.PublicKeys = append(out.PublicKeys, keys...)
	}
	if line = placeOf(v.head); line == nil {
		if _, err := os.Lstat(v.head); err != nil && regexp.MustCompile(`^[0-9]+(:|$)`).MatchString(v.head) {
			return out, nil, fmt.Errorf("--head %s: want SEQ:HASH, as verify prints it, or a file", v.head)
		}
		out.Head = v.head
	}
	return out, line, nil
}

// maxKeyFile bounds a file with public keys.
const maxKeyFile = 1 << 20

// readPublicKeys reads the ed25519 keys of a file: at least one, and nothing else.
func readPublicKeys(file string) ([]ed25519.PublicKey, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	rest, err := io.ReadAll(io.LimitReader(f, maxKeyFile))
	if err != nil {
		return nil, err
	}
	var out []ed25519.PublicKey
	for {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		// What is not said of the block keeps a private key out of the error.
		key, err := x509.ParsePKIXPublicKey(block.Bytes)
		public, ok := key.(ed25519.PublicKey)
		if block.Type != "PUBLIC KEY" || err != nil || !ok {
			return nil, fmt.Errorf("%s holds something else than ed25519 public keys; make one of the private key: openssl pkey -in KEY -pubout", file)
		}
		out = append(out, public)
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("%s holds no public key in PEM", file)
	}
	return out, nil
}

// auditPlace is a line that somebody has noted.
type auditPlace struct{ audit.Place }

// placeOf reads SEQ:HASH, and returns nil where it is none.
func placeOf(s string) *auditPlace {
	if !regexp.MustCompile(`^[0-9]+:[0-9a-f]{64}$`).MatchString(s) {
		return nil
	}
	number, hash, _ := strings.Cut(s, ":")
	seq, err := strconv.ParseUint(number, 10, 64)
	if err != nil {
		return nil
	}
	return &auditPlace{audit.Place{Seq: seq, Hash: hash}}
}

// missing says why a record does not hold a line. It fails closed: what cannot be held against the record is a fault.
func (p *auditPlace) missing(file string, r chain.Report) (*chain.Fault, error) {
	fault := func(reason string, args ...any) *chain.Fault {
		return &chain.Fault{File: file, Reason: fmt.Sprintf(reason, args...)}
	}
	switch {
	case p.Seq > r.Last:
		return fault("the record ends with line %d, and --head names line %d: lines are missing at the end", r.Last, p.Seq), nil
	case p.Seq < r.First:
		return fault("the record begins with line %d, so that of line %d, which --head names, nothing can be said", r.First, p.Seq), nil
	}
	for e, err := range chain.Read(file) {
		switch {
		case err != nil:
			return nil, err
		case e.Seq == p.Seq && e.Hash == p.Hash:
			return nil, nil
		case e.Seq == p.Seq:
			return &chain.Fault{File: e.File, Line: e.Line, Reason: "it is not the line that --head names: the record was written anew"}, nil
		}
	}
	return fault("line %d, which --head names, is missing", p.Seq), nil
}

// write says it for a person.
func (v *auditVerifying) write(w io.Writer, file string, r chain.Report) error {
	if r.Fault != nil {
		fmt.Fprintln(w, plainText(r.Fault.String()))
		if r.Lines > 0 {
			fmt.Fprintf(w, "the lines %d to %d, until %s, are chained to one another\n", r.First, r.Last, r.LastTime.UTC().Format(time.RFC3339))
		}
		return nil
	}
	fmt.Fprintf(w, "%s is as it was written: lines %d to %d in %s, until %s\n", file, r.First, r.Last, count(r.Files, "file"), r.LastTime.UTC().Format(time.RFC3339))
	if r.Pruned > 0 {
		fmt.Fprintf(w, "the first %d lines were removed because they were old, as the record says\n", r.Pruned)
	}
	if r.Lost > 0 {
		fmt.Fprintf(w, "%d lines were lost when they could not be written, as the record says\n", r.Lost)
	}
	switch {
	case len(v.publicKeys) > 0:
		fmt.Fprintf(w, "signed up to line %d\n", r.Signed)
	case r.Signatures > 0:
		fmt.Fprintf(w, "%s not checked: give --public-key\n", count(r.Signatures, "signature"))
	default:
		fmt.Fprintln(w, "not signed: who can write the files can write all of them anew; keep the head elsewhere")
	}
	_, err := fmt.Fprintf(w, "head %d:%s\n", r.Last, r.LastHash)
	return err
}
