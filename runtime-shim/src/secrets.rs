//! Secret files: laid down before the child starts, gone when the shim ends.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, chown, fchown};
use std::path::PathBuf;

use plat_shim::spec::{Secrets, User};

use crate::sys;

/// The directory of secret files; removed on drop.
pub struct SecretDir(PathBuf);

impl SecretDir {
    /// Makes the directory and its files, and wipes the values from `secrets`.
    pub fn create(secrets: &mut Secrets, user: Option<User>) -> Result<SecretDir, String> {
        let made = lay_down(secrets, user);
        for contents in secrets.files.values_mut() {
            wipe(contents);
        }
        secrets.files.clear();
        made.map(|()| SecretDir(secrets.dir.clone()))
    }
}

impl Drop for SecretDir {
    fn drop(&mut self) {
        // Nobody is left to tell; the next shim of this workload clears it away.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Overwrites what held a secret.
pub fn wipe(bytes: &mut [u8]) {
    bytes.fill(0);
    // Else the compiler may leave out writes that nothing reads.
    std::hint::black_box(bytes);
}

fn lay_down(secrets: &Secrets, user: Option<User>) -> Result<(), String> {
    let dir = &secrets.dir;
    let shown = dir.display();
    let parent = dir.parent().unwrap_or(dir);
    match sys::is_in_memory(parent) {
        Ok(true) => {}
        Ok(false) => {
            return Err(format!(
                "the secrets directory {shown} would lie on a disk; choose one on tmpfs, such as below /run or /dev/shm"
            ));
        }
        Err(error) => {
            return Err(format!(
                "could not look at {}, for secrets: {error}",
                parent.display()
            ));
        }
    }
    clear(secrets, user)?;
    let made = DirBuilder::new().mode(0o700).create(dir);
    made.map_err(|error| format!("could not make the secrets directory {shown}: {error}"))?;
    for (name, contents) in &secrets.files {
        let path = dir.join(name);
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o400)
            .open(&path);
        let written = file.and_then(|mut file| {
            file.write_all(contents)?;
            match user {
                Some(user) => fchown(&file, Some(user.uid), Some(user.gid)),
                None => Ok(()),
            }
        });
        written.map_err(|error| {
            // A half-filled directory would be taken for a whole one.
            let _ = fs::remove_dir_all(dir);
            format!(
                "could not write the secret file {}: {error}",
                path.display()
            )
        })?;
    }
    if let Some(user) = user {
        // Last: until here nobody else may write into it.
        chown(dir, Some(user.uid), Some(user.gid)).map_err(|error| {
            let _ = fs::remove_dir_all(dir);
            format!("could not give {shown} to user {}: {error}", user.uid)
        })?;
    }
    Ok(())
}

/// Removes what a killed shim left; nothing else.
fn clear(secrets: &Secrets, user: Option<User>) -> Result<(), String> {
    let dir = &secrets.dir;
    let Ok(about) = fs::symlink_metadata(dir) else {
        return Ok(());
    };
    let owned = about.uid() == sys::user() || user.is_some_and(|user| user.uid == about.uid());
    if !about.is_dir() || !owned {
        return Err(format!(
            "the secrets directory {} is there already and is not the shim's; remove it or choose another",
            dir.display()
        ));
    }
    fs::remove_dir_all(dir).map_err(|error| {
        format!(
            "could not clear the old secrets directory {}: {error}",
            dir.display()
        )
    })
}
