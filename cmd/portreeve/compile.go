package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hashicorp/go-multierror"

	"github.com/portreeve/portreeve/internal/ignore"
	"github.com/portreeve/portreeve/internal/input"
	"github.com/portreeve/portreeve/translate"
	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/model"
	"github.com/portreeve/portreeve/translate/source"
)

// compile reads files and directories and compiles them for a gateway, which may be nil. Unlike
// the server it takes a named file whatever its name is, and - for what stands on stdin. What is there and cannot be read is a
// finding, as it is to the server; a name that is not there is an error.
func compile(paths []string, flags compileFlags, gateway *model.Gateway) (*translate.Program, error) {
	program, _, err := compileInputs(paths, flags, gateway)
	return program, err
}

// compileInputs is compile, and says what was read.
func compileInputs(paths []string, flags compileFlags, gateway *model.Gateway) (*translate.Program, inputs, error) {
	in := inputs{leaves: flags.leaves, notes: flags.notes, stdin: flags.stdin}
	settings, err := flags.settings()
	if err != nil {
		return nil, in, err
	}
	settings.Gateway = gateway
	if in.excluded, err = flags.exclude(); err != nil {
		return nil, in, err
	}
	if err := in.read(paths, settings); err != nil {
		return nil, in, err
	}
	settings.Unread = in.unread.Sorted()
	program := flags.compile(slices.Concat(in.secrets, in.files), settings)
	if len(in.rules) > 0 {
		program.Diags = in.rules // what was not to be read has findings that mean nothing
	}
	return program, in, nil
}

// read reads the files that settings name, and those of the paths.
func (in *inputs) read(paths []string, settings model.Settings) error {
	for _, file := range settings.Files() {
		if err := in.file(file); err != nil {
			return fmt.Errorf("read the file of --mesh-config or --gateways: %w", err)
		}
	}
	named := len(in.files)
	for _, dir := range settings.SecretsDirs {
		if err := in.directory(dir, source.ReadSecrets); err != nil {
			return err
		}
	}
	in.secrets = slices.Clone(in.files[named:])
	in.files = in.files[:named]
	for _, path := range paths {
		if err := in.path(path); err != nil {
			return err
		}
	}
	policy := slices.DeleteFunc(in.files[named:], func(f source.File) bool { return slices.Contains(settings.Files(), f.Path) })
	in.files = in.files[:named+len(policy)]
	return nil
}

// inputs are what is read, and what could not be.
type inputs struct {
	// files are those of policy, and those that are named by flags before them; secrets are certificates.
	files, secrets []source.File
	unread         diag.List
	// left are names in directories of policy that are not read.
	left []string
	// rules are findings about what says which files are left out; with one nothing is.
	rules    diag.List
	excluded *ignore.Rules
	// leaves says which files of directories are left out as no manifests, and notes is where that is said.
	leaves func(source.File) bool
	notes  io.Writer
	// stdin reads what the path - stands for, which is no longer there when it has been read.
	stdin func() ([]byte, error)
}

// stdinPath is the path that stands for stdin, also in the positions of findings.
const stdinPath = "-"

func (in *inputs) path(path string) error {
	if path == stdinPath {
		return in.fromStdin()
	}
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return err
	case err != nil:
		in.unread = append(in.unread, input.Unreadable(path, err))
		return nil
	case info.IsDir():
		return in.policies(path)
	default:
		return in.file(path)
	}
}

func (in *inputs) file(path string) error {
	content, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return err
	case err != nil:
		in.unread = append(in.unread, input.Unreadable(path, err))
	default:
		in.files = append(in.files, source.File{Path: path, Content: content})
	}
	return nil
}

func (in *inputs) fromStdin() error {
	if slices.ContainsFunc(in.files, func(f source.File) bool { return f.Path == stdinPath }) {
		return errors.New("- stands for stdin, which can be read once")
	}
	content, err := in.stdin()
	switch {
	case errors.Is(err, source.ErrTooMuch):
		in.unread = append(in.unread, input.Unreadable(stdinPath, err))
	case err != nil:
		return fmt.Errorf("read stdin: %w", err)
	default:
		in.files = append(in.files, source.File{Path: stdinPath, Content: content})
	}
	return nil
}

// policies reads what counts in a directory of policy and is not left out.
func (in *inputs) policies(dir string) error {
	written, findings, err := readIgnored(dir)
	if err != nil {
		in.unread = append(in.unread, input.Unreadable(filepath.Join(dir, ignore.File), err))
	}
	in.rules = append(in.rules, findings...)
	rules, before := written.Then(in.excluded), len(in.files)
	err = in.directory(dir, func(tree fs.FS) ([]source.File, error) {
		return source.ReadWith(tree, source.Options{
			Skipped: func(name string) { in.left = append(in.left, filepath.Join(dir, name)+slash(name)) },
			Ignored: func(name string, mode fs.FileMode) bool {
				kind := ignore.Other
				if mode.IsDir() {
					kind = ignore.Directory
				}
				_, taken := rules.Takes(name, kind)
				return taken
			},
		})
	})
	in.files = append(in.files[:before], slices.DeleteFunc(slices.Clone(in.files[before:]), func(f source.File) bool {
		if !in.leaves(f) {
			return false
		}
		fmt.Fprintf(in.notes, "note: %s is left out: it is no manifest, no document in it has apiVersion and kind\n", diag.Shown(f.Path))
		in.left = append(in.left, f.Path)
		return true
	})...)
	return err
}

// slash is what a directory's name ends with, which Join takes away.
func slash(name string) string {
	if strings.HasSuffix(name, "/") {
		return "/"
	}
	return ""
}

// directory reads what counts in a directory; the paths begin with its own.
func (in *inputs) directory(dir string, read func(fs.FS) ([]source.File, error)) error {
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("read %s: %w", dir, err)
	}
	files, err := read(os.DirFS(dir))
	for _, f := range files {
		f.Path = filepath.Join(dir, f.Path)
		in.files = append(in.files, f)
	}
	if err == nil {
		return nil
	}
	causes := []error{err}
	if several, ok := errors.AsType[*multierror.Error](err); ok {
		causes = several.Errors
	}
	for _, cause := range causes {
		path := dir
		if at, ok := errors.AsType[*fs.PathError](cause); ok {
			path = filepath.Join(dir, at.Path)
		}
		in.unread = append(in.unread, input.Unreadable(path, cause))
	}
	return nil
}

// leaves reports whether a file of a directory is left out as no manifest at all. Only a check does
// so: where policy is served, what is there and not understood refuses.
func (f *compileFlags) leaves(file source.File) bool {
	return f.notes != nil && !source.MayBeManifest(file)
}

// readIgnored reads what a directory says is left out, where it does. With a finding nothing is.
func readIgnored(dir string) (*ignore.Rules, diag.List, error) {
	path := filepath.Join(dir, ignore.File)
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil, nil
	case err != nil:
		return nil, nil, err
	case !info.Mode().IsRegular() || info.Size() > ignore.MaxBytes:
		return nil, diag.List{diag.New(diag.CodeIgnoreFile, diag.Position{File: path}, "it is no file of at most %d bytes", ignore.MaxBytes)}, nil
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, nil, err
	}
	rules, findings := ignore.Parse(path, content)
	if len(findings) > 0 {
		return nil, findings, nil
	}
	return rules, nil, nil
}
