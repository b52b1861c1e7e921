//! The operator's token: made once for a port, kept in a file that only this user may read.

use relay_client::place::{operator_token, operator_token_file, write_private};
use relay_core::token::{Kind, is_well_formed, mint};
use secrecy::SecretString;

use crate::failure::Failure;

/// The token of the relay on this port. One that is there already stays, so that a dashboard stays
/// signed in over a restart.
pub fn token(port: u16) -> Result<SecretString, Failure> {
    let known = operator_token(port).map_err(Failure::refused)?;
    if let Some(token) = known.filter(|token| is_well_formed(token)) {
        return Ok(token.into());
    }
    let token = mint(Kind::Operator, random()?);
    let path = operator_token_file(port).map_err(Failure::refused)?;
    write_private(&path, &format!("{token}\n")).map_err(|error| {
        Failure::refused(format_args!(
            "cannot write the operator's token to {}: {error}",
            path.display()
        ))
    })?;
    Ok(token.into())
}

fn random() -> Result<[u8; 32], Failure> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|error| {
        Failure::refused(format_args!("the system gives no random bytes: {error}"))
    })?;
    Ok(bytes)
}
