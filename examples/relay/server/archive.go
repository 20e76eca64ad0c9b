package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/url"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

// Archive keeps every webhook that was taken, and what became of it.
type Archive struct {
	client *minio.Client
	bucket string
}

// openArchive reads where the bucket is. It asks nothing: a bucket that is away now may be there when it is needed.
func openArchive() (*Archive, error) {
	var values [5]string
	for at, name := range []string{"S3_ENDPOINT", "S3_REGION", "S3_BUCKET", "S3_ACCESS_KEY", "S3_SECRET_KEY"} {
		value, err := setting(name)
		if err != nil {
			return nil, err
		}
		values[at] = value
	}
	endpoint, err := url.Parse(values[0])
	if err != nil {
		return nil, fmt.Errorf("S3_ENDPOINT: %w", err)
	}
	client, err := minio.New(endpoint.Host, &minio.Options{
		Creds:        credentials.NewStaticV4(values[3], values[4], ""),
		Secure:       endpoint.Scheme == "https",
		Region:       values[1],
		BucketLookup: minio.BucketLookupPath,
	})
	if err != nil {
		return nil, fmt.Errorf("S3_ENDPOINT: %w", err)
	}
	return &Archive{client, values[2]}, nil
}

// put writes an object, whole or not at all.
func (a *Archive) put(ctx context.Context, name string, body []byte) error {
	_, err := a.client.PutObject(ctx, a.bucket, name, bytes.NewReader(body), int64(len(body)), minio.PutObjectOptions{})
	if err != nil {
		return fmt.Errorf("writing %s into the archive: %w", name, err)
	}
	return nil
}

// get reads an object; nil where there is none of that name.
func (a *Archive) get(ctx context.Context, name string) ([]byte, error) {
	object, err := a.client.GetObject(ctx, a.bucket, name, minio.GetObjectOptions{})
	if err != nil {
		return nil, fmt.Errorf("reading %s from the archive: %w", name, err)
	}
	defer object.Close()
	body, err := io.ReadAll(object)
	if minio.ToErrorResponse(err).Code == minio.NoSuchKey {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading %s from the archive: %w", name, err)
	}
	return body, nil
}

// Where a webhook is kept, and where what became of it.
func sent(topic, id string) string { return "sent/" + topic + "/" + id }
func done(topic, id string) string { return "done/" + topic + "/" + id }
