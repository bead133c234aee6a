package state

import (
	"encoding/json"
	"errors"
	"time"
)

// What a file of format 1 holds, in its fields "generations" and "gateways". The names are
// those that the fields of the program had when it was written.
type (
	unversionedGeneration struct {
		At    time.Time         `json:"at"`
		Files []unversionedFile `json:"files"`
		// Served are the fingerprints of certificates that count although they have expired.
		Served []string `json:"served"`
	}
	unversionedFile struct {
		Path    string
		Content []byte
	}
	unversionedGateway struct {
		Namespace string
		Labels    map[string]string
		Locality  string
	}
)

// decodeUnversioned reads a file of format 1. Both fields were always written, an empty list
// as null, so a file that lacks one is not of this format.
func decodeUnversioned(text []byte) (Content, error) {
	var fields map[string]json.RawMessage
	if err := strictly(text, &fields); err != nil {
		return Content{}, err
	}
	if fields["generations"] == nil || fields["gateways"] == nil || len(fields) != 2 {
		return Content{}, errors.New("it has no version, and not the fields that a file without one has")
	}
	var generations []unversionedGeneration
	if err := strictly(fields["generations"], &generations); err != nil {
		return Content{}, err
	}
	var gateways []unversionedGateway
	if err := strictly(fields["gateways"], &gateways); err != nil {
		return Content{}, err
	}
	return upgraded(generations, gateways), nil
}

// upgraded returns the content of a file of format 1. Contents that are equal share their bytes
// from now on.
func upgraded(generations []unversionedGeneration, gateways []unversionedGateway) Content {
	var out Content
	shared := map[string][]byte{}
	for _, g := range generations {
		generation := Generation{At: g.At, Served: g.Served}
		for _, f := range g.Files {
			key := keyOf(f.Content)
			if shared[key] == nil {
				shared[key] = f.Content
			}
			generation.Files = append(generation.Files, File{f.Path, shared[key]})
		}
		out.Generations = append(out.Generations, generation)
	}
	for _, g := range gateways {
		out.Groups = append(out.Groups, Group{Namespace: g.Namespace, Labels: g.Labels, Locality: g.Locality, Unsaid: true, Standing: Listening})
	}
	return out
}
